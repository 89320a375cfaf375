"""POST /users: somebody opens an account."""

from commerce.app.accounts import open_account
from commerce.entrypoints.http import PreferredLanguage, SourceIp, http_api, lambda_handler
from commerce.entrypoints.telemetry import logger
from commerce.user import (
    EmailTaken,
    LoginIdTaken,
    SignUp,
    TooManyAttempts,
    UserView,
    WeakPassword,
)

api = http_api()


@api.post("/users")
def sign_up(
    command: SignUp, language: PreferredLanguage, source_ip: SourceIp
) -> tuple[UserView, int]:
    user = open_account(command, language=language, source_ip=source_ip)
    logger.append_keys(user_id=user.user_id)
    return user, 201


handler = lambda_handler(
    api, success=(201,), refusals=(EmailTaken, LoginIdTaken, TooManyAttempts, WeakPassword)
)
