"""POST /sessions: a user signs in."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.user import BadCredentials, OpenSession, SessionView, TooManyAttempts, UserFacade

api = http_api()


@api.post("/sessions")
def open_session(command: OpenSession) -> tuple[SessionView, int]:
    login = in_transaction(UserFacade.log_in, command)
    return login.open_session(), 201


handler = lambda_handler(api, success=(201,), refusals=(BadCredentials, TooManyAttempts))
