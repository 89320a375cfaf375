"""POST /sessions: a user signs in."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import SourceIp, UserAgent, http_api, lambda_handler
from commerce.entrypoints.telemetry import logger
from commerce.user.sessions import (
    AccountSuspended,
    BadCredentials,
    NewSessionView,
    OpenSession,
    SessionFacade,
    TooManyAttempts,
)

api = http_api()


@api.post("/sessions")
def open_session(
    command: OpenSession, source_ip: SourceIp, user_agent: UserAgent
) -> tuple[NewSessionView, int]:
    opened = in_transaction(SessionFacade.open, command, source_ip=source_ip, user_agent=user_agent)
    logger.append_keys(**opened.attempt.account)
    return opened.view(), 201


handler = lambda_handler(
    api, success=(201,), refusals=(BadCredentials, TooManyAttempts, AccountSuspended)
)
