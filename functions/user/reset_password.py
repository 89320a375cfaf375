"""POST /password-resets/confirmation: choose a new password with a mailed token."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler, no_content
from commerce.user import WeakPassword
from commerce.user.mail_tokens import MailTokenExpired, MailTokenFacade, ResetPassword

api = http_api()


@api.post("/password-resets/confirmation")
def reset_password(command: ResetPassword) -> Response[None]:
    in_transaction(MailTokenFacade.reset_password, command)
    return no_content()


handler = lambda_handler(api, success=(204,), refusals=(MailTokenExpired, WeakPassword))
