"""POST /sessions: a user signs in."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import SourceIp, http_api, lambda_handler
from commerce.entrypoints.telemetry import logger
from commerce.user import BadCredentials, OpenSession, SessionView, TooManyAttempts, UserFacade

api = http_api()


@api.post("/sessions")
def open_session(command: OpenSession, source_ip: SourceIp) -> tuple[SessionView, int]:
    login = in_transaction(UserFacade.log_in, command, source_ip=source_ip)
    logger.append_keys(**login.account)
    return login.open_session(), 201


handler = lambda_handler(api, success=(201,), refusals=(BadCredentials, TooManyAttempts))
