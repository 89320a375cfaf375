"""The retention of the user context's rows."""

from datetime import timedelta
from typing import TYPE_CHECKING

from commerce.runtime.db.retention import Retention
from commerce.runtime.db.statement import precompiled
from commerce.user.throttle import FORGOTTEN_AFTER

if TYPE_CHECKING:
    from commerce.user import statements as sql
    from commerce.user.mail_tokens import statements as of_mail_tokens
    from commerce.user.sessions import statements as of_sessions
else:
    of_mail_tokens = precompiled("commerce.user.mail_tokens.statements")
    of_sessions = precompiled("commerce.user.sessions.statements")
    sql = precompiled("commerce.user.statements")

RETENTIONS = (
    Retention("login_throttles", FORGOTTEN_AFTER, sql.DELETE_THROTTLES),
    Retention("login_attempts", FORGOTTEN_AFTER, sql.DELETE_ATTEMPTS),
    Retention("sessions", timedelta(0), of_sessions.DELETE_EXPIRED),
    Retention("mail_tokens", timedelta(0), of_mail_tokens.DELETE_EXPIRED),
)
