"""POST /email-verifications: a user has a mail sent to verify their address."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, PreferredLanguage, http_api, lambda_handler
from commerce.user import UserNotFound
from commerce.user.mail_tokens import MailRequestedView, MailTokenFacade

api = http_api()


@api.post("/email-verifications")
def request_email_verification(
    buyer: Buyer, language: PreferredLanguage
) -> tuple[MailRequestedView, int]:
    requested = in_transaction(
        MailTokenFacade.request_verification, user_id=buyer.user_id, language=language
    )
    return requested, 202


handler = lambda_handler(api, access=USER, success=(202,), refusals=(UserNotFound,))
