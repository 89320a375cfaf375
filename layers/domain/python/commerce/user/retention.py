"""What the user context forgets in time."""

from datetime import timedelta

from commerce.runtime.db.retention import Retention
from commerce.user.tables import login_attempt_table

# A day after its block ended, a failed attempt slows nobody any more.
LOGIN_ATTEMPTS = Retention.of(
    "login_attempts",
    login_attempt_table,
    login_attempt_table.c.blocked_until,
    timedelta(days=1),
)
