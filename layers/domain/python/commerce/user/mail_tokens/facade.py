"""The use cases of mailed tokens: they are asked for, mailed, and used once."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from commerce.shared import clock
from commerce.shared.languages import Language
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page
from commerce.user import passwords
from commerce.user.errors import UserNotFound
from commerce.user.events import (
    EmailChanged,
    EmailVerificationRequested,
    MailEvent,
    PasswordChanged,
    PasswordResetRequested,
)
from commerce.user.mail_tokens import signing
from commerce.user.mail_tokens.commands import ConfirmEmail, RequestReset, ResetPassword
from commerce.user.mail_tokens.errors import MailTokenExpired
from commerce.user.mail_tokens.model import MAILS_PER_HOUR, MailToken, Purpose
from commerce.user.mail_tokens.repository import MailTokenRepository
from commerce.user.mail_tokens.views import (
    EmailVerifiedView,
    MailedView,
    MailRequestedView,
    TokenRecipient,
)
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.sessions.repository import SessionRepository


class MailTokenFacade:
    """Users verify their address, and choose a new password when they forgot theirs."""

    def __init__(
        self, users: UserRepository, sessions: SessionRepository, tokens: MailTokenRepository
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._tokens = tokens

    def request_verification(self, *, user_id: UUID, language: Language) -> MailRequestedView:
        """Have a token mailed to a user's address, unless it is verified or many were.

        Raises UserNotFound.
        """
        user = self._users.lock(user_id)
        if user is None:
            raise UserNotFound
        purpose = Purpose.VERIFICATION
        if not user.email_verified and self._tokens.recent(user_id, purpose) < MAILS_PER_HOUR:
            self.verify_new(user_id, language=language)
        return _requested(purpose)

    def verify_new(self, user_id: UUID, *, language: Language) -> None:
        """Have a token mailed to the address of a user who has just signed up."""
        token = MailToken.made(clock.new_id(), user_id, Purpose.VERIFICATION, clock.now())
        self._tokens.add(token, EmailVerificationRequested.of(token.id, language))

    def notify_of_address(self, user_id: UUID, former_email: str, *, language: Language) -> None:
        """Have a notice mailed to the address that a locked user had, unless many were."""
        self._notify(Purpose.EMAIL_CHANGED, EmailChanged, user_id, former_email, language)

    def notify_of_password(self, user: User) -> None:
        """Have a locked user mailed that they have another password, unless they were lately.

        It goes to the address of this moment, so that who knew the password cannot divert it.
        """
        self._notify(Purpose.PASSWORD_CHANGED, PasswordChanged, user.id, user.email, user.language)

    def request_reset(self, command: RequestReset, *, language: Language) -> MailRequestedView:
        """Have a token mailed to the account with this address, if there is one.

        Reads, writes and answer are the same whether there is one or not.
        """
        purpose = Purpose.PASSWORD_RESET
        user_id, recent = self._tokens.lock_owner(command.email, purpose)
        mailed_to = user_id if recent < MAILS_PER_HOUR else None
        token = MailToken.made(clock.new_id(), mailed_to, purpose, clock.now())
        self._tokens.add(token, PasswordResetRequested.of(token.id, language))
        return _requested(purpose)

    def recipient(self, token_id: UUID, purpose: Purpose) -> TokenRecipient | None:
        """Return to whom a token is to be mailed; None where nobody, or where it is used."""
        return self._tokens.recipient(token_id, purpose)

    def confirm_email(self, command: ConfirmEmail) -> EmailVerifiedView:
        """Verify the address that a token was mailed to.

        It becomes the user's where another has claimed it without verifying it. Raises
        MailTokenExpired; EmailTaken where another has verified it.
        """
        token_id, user_id = _read(command.token.get_secret_value(), Purpose.VERIFICATION)
        user = self._users.lock(user_id)
        if user is None:
            raise MailTokenExpired
        self._tokens.use(token_id, user_id, Purpose.VERIFICATION)
        self._users.verify_email(user)
        return EmailVerifiedView(email_verified=True)

    def reset_password(self, command: ResetPassword) -> None:
        """Replace the password of whom a token was mailed to, and end all of their sessions.

        Raises MailTokenExpired, WeakPassword.
        """
        purpose = Purpose.PASSWORD_RESET
        token_id, user_id = _read(command.token.get_secret_value(), purpose)
        user = self._users.find(user_id)
        if user is None or not self._tokens.is_good(token_id, purpose):
            raise MailTokenExpired
        password = command.new_password.get_secret_value()
        passwords.require_strong(password, *user.personal)
        password_hash = passwords.hashed(password)  # slow, so nothing is locked yet
        found = self._users.lock(user_id)
        if found is None:
            raise MailTokenExpired
        self._tokens.use(token_id, user_id, purpose)
        found.change_password(password_hash)
        self._users.save_password(found)
        self._sessions.end_all(user_id)
        self.notify_of_password(found)

    def mails(self, user_id: UUID, *, limit: int, after: str | None) -> Page[MailedView]:
        """List what a user was mailed lately, the newest first. Raises InvalidCursor."""

        def read(before: UUID, limit: int) -> Sequence[MailToken]:
            return self._tokens.of_user(user_id, before, limit)

        return newest_first(f"mails:{user_id}", after, limit, read, _mailed)

    def _notify(
        self, purpose: Purpose, event: type[MailEvent], user_id: UUID, to: str, language: Language
    ) -> None:
        if self._tokens.recent(user_id, purpose) < MAILS_PER_HOUR:
            made = MailToken.made(clock.new_id(), user_id, purpose, clock.now())
            self._tokens.add(replace(made, former_email=to), event.of(made.id, language))


def _read(token: str, purpose: Purpose) -> tuple[UUID, UUID]:
    found = signing.read(token, purpose)
    if found is None:
        raise MailTokenExpired
    return found


def _mailed(token: MailToken) -> MailedView:
    return MailedView(
        purpose=token.purpose,
        created_at=token.created_at,
        expires_at=token.expires_at,
        address=token.former_email,
    )


def _requested(purpose: Purpose) -> MailRequestedView:
    return MailRequestedView(expires_in=int(purpose.lifetime.total_seconds()))
