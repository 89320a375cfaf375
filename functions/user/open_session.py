"""POST /sessions: a user signs in."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.user import BadCredentials, OpenSession, SessionView, TooManyAttempts

api = http_api()


@api.post("/sessions")
def open_session(command: OpenSession) -> tuple[SessionView, int]:
    login = in_transaction(lambda shop: shop.users.log_in(command))
    return login.open_session(), 201


handler = lambda_handler(api, success=(201,), refusals=(BadCredentials, TooManyAttempts))
