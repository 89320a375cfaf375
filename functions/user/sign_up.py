"""POST /users: somebody opens an account."""

from commerce.app.accounts import sign_up as open_account
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import PreferredLanguage, http_api, lambda_handler
from commerce.entrypoints.telemetry import logger
from commerce.user import EmailTaken, LoginIdTaken, SignUp, UserView, WeakPassword

api = http_api()


@api.post("/users")
def sign_up(command: SignUp, language: PreferredLanguage) -> tuple[UserView, int]:
    user = in_transaction(open_account, command, language=language)
    logger.append_keys(user_id=user.user_id)
    return user, 201


handler = lambda_handler(api, success=(201,), refusals=(EmailTaken, LoginIdTaken, WeakPassword))
