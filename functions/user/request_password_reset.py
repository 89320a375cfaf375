"""POST /password-resets: somebody who forgot their password has a mail sent."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import PreferredLanguage, http_api, lambda_handler
from commerce.user.mail_tokens import MailRequestedView, MailTokenFacade, RequestReset

api = http_api()


@api.post("/password-resets")
def request_password_reset(
    command: RequestReset, language: PreferredLanguage
) -> tuple[MailRequestedView, int]:
    return in_transaction(MailTokenFacade.request_reset, command, language=language), 202


handler = lambda_handler(api, success=(202,))
