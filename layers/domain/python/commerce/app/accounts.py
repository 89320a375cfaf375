"""Accounts, and the mails that follow what their users do.

The answer that a login id or an e-mail address is taken reveals an account, so one address gets it
a few times in a row only, and then slowly.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime.tokens import Identity
from commerce.shared.etag import IfMatch
from commerce.shared.languages import Language
from commerce.user import (
    Edited,
    EditMe,
    EmailTaken,
    LoginIdTaken,
    SignUp,
    TooManyAttempts,
    UserFacade,
    UserView,
)
from commerce.user.sessions import Attempt, ChangePassword

T = TypeVar("T")


def open_account(command: SignUp, *, language: Language, source_ip: str) -> UserView:
    """Open an account. Raises WeakPassword, LoginIdTaken, EmailTaken, TooManyAttempts."""

    def opened() -> UserView:
        return in_transaction(sign_up, command, language=language)

    return _slowed(source_ip, opened)


def edit_account(user_id: UUID, command: EditMe, *, if_match: IfMatch, source_ip: str) -> Edited:
    """Edit a user's own data. Raises UserNotFound, StaleVersion, EmailTaken, TooManyAttempts."""

    def edit() -> Edited:
        return in_transaction(edit_me, user_id, command, if_match=if_match)

    return _slowed(source_ip, edit) if "email" in command.model_fields_set else edit()


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
        shop.mail_tokens.notify_of_address(user_id, edited.former_email, language=language)
    return edited


def change_password(shop: Shop, command: ChangePassword, *, identity: Identity) -> Attempt:
    """Replace a password where the current one is right, and mail its user a notice.

    Raises UserNotFound, WeakPassword.
    """
    attempt, user = shop.sessions.change_password(command, identity=identity)
    if user is not None:
        shop.mail_tokens.notify_of_password(user)
    return attempt


def _slowed(source_ip: str, act: Callable[[], T]) -> T:
    """Act in an address' turn. Of many at once, few are answered that something is taken."""
    in_transaction(UserFacade.require_turn, source_ip)
    try:
        return act()
    except (LoginIdTaken, EmailTaken):
        if wait_seconds := in_transaction(UserFacade.count_taken, source_ip):
            raise TooManyAttempts(wait_seconds) from None
        raise
