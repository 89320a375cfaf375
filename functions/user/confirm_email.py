"""POST /email-verifications/confirmation: verify an address with the token mailed to it."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.user import EmailTaken
from commerce.user.mail_tokens import (
    ConfirmEmail,
    EmailVerifiedView,
    MailTokenExpired,
    MailTokenFacade,
)

api = http_api()


@api.post("/email-verifications/confirmation")
def confirm_email(command: ConfirmEmail) -> EmailVerifiedView:
    return in_transaction(MailTokenFacade.confirm_email, command)


handler = lambda_handler(api, refusals=(EmailTaken, MailTokenExpired))
