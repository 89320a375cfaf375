"""The retention of the user context's rows."""

from datetime import timedelta

from commerce.runtime.db.retention import Retention
from commerce.user.mail_tokens.tables import mail_token_table
from commerce.user.sessions.tables import session_table
from commerce.user.tables import login_attempt_table, login_throttle_table
from commerce.user.throttle import FORGOTTEN_AFTER

RETENTIONS = (
    *(
        Retention.of(name, table, table.c.blocked_until, FORGOTTEN_AFTER)
        for name, table in (
            ("login_throttles", login_throttle_table),
            ("login_attempts", login_attempt_table),
        )
    ),
    Retention.of("sessions", session_table, session_table.c.expires_at, timedelta(0)),
    Retention.of("mail_tokens", mail_token_table, mail_token_table.c.expires_at, timedelta(0)),
)
