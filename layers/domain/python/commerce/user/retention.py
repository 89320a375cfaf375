"""The retention of the user context's rows."""

from datetime import timedelta

from commerce.runtime.db.retention import Retention
from commerce.user.tables import login_attempt_table

# A block has no effect any more a day after its end.
LOGIN_ATTEMPTS = Retention.of(
    "login_attempts",
    login_attempt_table,
    login_attempt_table.c.blocked_until,
    timedelta(days=1),
)
