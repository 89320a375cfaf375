"""The use cases of the user context."""

from dataclasses import dataclass
from uuid import UUID

from commerce.runtime import tokens
from commerce.runtime.audit import Change
from commerce.shared import clock
from commerce.user import passwords
from commerce.user.commands import OpenSession, SignUp
from commerce.user.errors import BadCredentials, UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.views import SessionView, UserView


@dataclass(frozen=True, slots=True)
class Login:
    """The result of an attempt; a failed one is committed, and so counted, before it raises."""

    user: User | None

    def open_session(self) -> SessionView:
        """Return an access token for the user. Raises BadCredentials."""
        if self.user is None:
            raise BadCredentials
        return SessionView(
            access_token=tokens.sign(self.user.id, self.user.scopes),
            token_type="Bearer",  # noqa: S106
            expires_in=tokens.lifetime_seconds(),
        )


class UserFacade:
    """Users sign up, log in and read their data; operators grant scopes."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def sign_up(self, command: SignUp) -> UserView:
        """Open an account. Raises LoginIdTaken, on commit at the latest."""
        user = User.signed_up(
            id_=clock.new_id(),
            login_id=command.login_id,
            password_hash=passwords.hashed(command.password.get_secret_value()),
            name=command.name,
            email=command.email,
            birth_date=command.birth_date,
            gender=command.gender,
        )
        self._users.add(user)
        return _view(user)

    def get(self, user_id: UUID) -> UserView:
        """Return a user. Raises UserNotFound."""
        user = self._users.find(user_id)
        if user is None:
            raise UserNotFound
        return _view(user)

    def log_in(self, command: OpenSession) -> Login:
        """Check a password, and count the attempt. Raises TooManyAttempts.

        The password is verified before the attempts are locked, because hashing is slow; the
        attempts are checked again under the lock, so that concurrent guesses gain nothing.
        """
        user, attempts = self._users.find_login(command.login_id)
        attempts.check(clock.now())
        is_right = passwords.is_right(
            command.password.get_secret_value(), user.password_hash if user else None
        )
        attempts = self._users.lock_attempts(command.login_id)
        attempts.check(clock.now())
        if is_right:
            attempts.succeed()
        else:
            attempts.fail(clock.now())
        self._users.save_attempts(command.login_id, attempts)
        return Login(user if is_right else None)

    def admins(self) -> list[UserView]:
        """Return all admins, by login id."""
        return [_view(user) for user in self._users.with_scope(tokens.ADMIN)]

    def grant_admin(self, login_id: str, *, by: str) -> UserView:
        """Make a user an admin, from their next session on. Raises UserNotFound.

        No path of the API leads here: only who has access to the database can appoint admins.
        """
        return self._set_admin(login_id, "grant admin", by, is_admin=True)

    def revoke_admin(self, login_id: str, *, by: str) -> UserView:
        """Revoke the admin scope, which an open session keeps until its token expires.

        Raises UserNotFound.
        """
        return self._set_admin(login_id, "revoke admin", by, is_admin=False)

    def _set_admin(self, login_id: str, action: str, by: str, *, is_admin: bool) -> UserView:
        user = self._users.lock_login(login_id)
        if user is None:
            raise UserNotFound
        before, admin = user.scopes, {tokens.ADMIN}
        user.scopes = before | admin if is_admin else before - admin
        if before != user.scopes:
            scopes = {"scopes": sorted(before)}, {"scopes": sorted(user.scopes)}
            self._users.save_scopes(user, Change(by, action, user.id, *scopes))
        return _view(user)


def _view(user: User) -> UserView:
    return UserView(
        user_id=str(user.id),
        login_id=user.login_id,
        name=user.name,
        email=user.email,
        birth_date=user.birth_date,
        gender=user.gender,
    )
