"""The only door to the user context."""

from collections.abc import Callable
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
    """What became of a login. A failed one is counted, so it is committed before it is refused."""

    user: User | None

    def open_session(self) -> SessionView:
        """A token for whoever has proved who they are. Raises BadCredentials."""
        if self.user is None:
            raise BadCredentials
        return SessionView(
            access_token=tokens.sign(self.user.id, self.user.scopes),
            token_type="Bearer",  # noqa: S106
            expires_in=tokens.lifetime_seconds(),
        )


class UserFacade:
    """Users sign up, log in, and read about themselves."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def sign_up(self, command: SignUp) -> UserView:
        """Open an account. Raises LoginIdTaken, when it is committed at the latest."""
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
        """One user. Raises UserNotFound."""
        user = self._users.find(user_id)
        if user is None:
            raise UserNotFound
        return _view(user)

    def log_in(self, command: OpenSession) -> Login:
        """Try a password, and count it. Raises TooManyAttempts.

        The password is checked before the attempts are locked, and the attempts once more after:
        of a thousand guesses at the same moment, only as many are answered as one after another.
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
        """Everybody to whom what is an admin's is open, by login id."""
        return [_view(user) for user in self._users.with_scope(tokens.ADMIN)]

    def grant_admin(self, login_id: str, *, by: str) -> UserView:
        """Open what is an admin's to a user, from their next session on. Raises UserNotFound.

        No path of the API leads here: whoever may reach the database says who is an admin.
        """
        return self._set_scopes("grant admin", login_id, by, lambda has: has | {tokens.ADMIN})

    def revoke_admin(self, login_id: str, *, by: str) -> UserView:
        """Take it back; a session that is open keeps it until its token expires.

        Raises UserNotFound.
        """
        return self._set_scopes("revoke admin", login_id, by, lambda has: has - {tokens.ADMIN})

    def _set_scopes(
        self,
        action: str,
        login_id: str,
        by: str,
        change: Callable[[frozenset[str]], frozenset[str]],
    ) -> UserView:
        user = self._users.lock_login(login_id)
        if user is None:
            raise UserNotFound
        had, user.scopes = user.scopes, change(user.scopes)
        if had != user.scopes:
            before, after = {"scopes": sorted(had)}, {"scopes": sorted(user.scopes)}
            self._users.save_scopes(user, Change(by, action, user.id, before, after))
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
