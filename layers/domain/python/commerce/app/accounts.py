"""Accounts, and the mails that follow what their users do."""

from uuid import UUID

from commerce.app.shop import Shop
from commerce.shared.etag import IfMatch
from commerce.shared.languages import Language
from commerce.user import Edited, EditMe, SignUp, UserView


def sign_up(shop: Shop, command: SignUp, *, language: Language) -> UserView:
    """Open an account, and have a mail sent that verifies its address.

    Raises WeakPassword; LoginIdTaken and EmailTaken, on commit at the latest.
    """
    user = shop.users.sign_up(command, language=language)
    shop.mail_tokens.verify_new(UUID(user.user_id), language=language)
    return user


def edit_me(shop: Shop, user_id: UUID, command: EditMe, *, if_match: IfMatch = None) -> Edited:
    """Edit a user's own data; an address that is replaced is mailed a notice.

    Raises UserNotFound, StaleVersion; EmailTaken, on commit at the latest.
    """
    edited = shop.users.edit(user_id, command, if_match=if_match)
    if edited.user is not None and edited.former_email is not None:
        language = edited.user.user.language
        shop.mail_tokens.notify_former(user_id, edited.former_email, language=language)
    return edited
