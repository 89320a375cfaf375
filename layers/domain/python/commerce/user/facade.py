"""The use cases of the user context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from commerce.runtime import tokens
from commerce.runtime.audit import Change
from commerce.shared import clock
from commerce.user import devices, passwords
from commerce.user.commands import OpenSession, SignUp
from commerce.user.devices import Device
from commerce.user.errors import BadCredentials, TooManyAttempts, UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.throttle import Attempts, counter_of, counters_of
from commerce.user.views import Entrant, SessionView, UserView


@dataclass(frozen=True, slots=True)
class Login:
    """The result of an attempt; a failed one is committed, and so counted, before it raises."""

    account: Mapping[str, str]
    """Names the account in log lines: its user id, or a digest of an unknown login id."""
    signed_in: User | None = None
    device: Device | None = None
    wait_seconds: int = 0

    def open_session(self) -> SessionView:
        """Return the tokens of user and device. Raises BadCredentials, TooManyAttempts."""
        if self.wait_seconds:
            raise TooManyAttempts(self.wait_seconds)
        if self.signed_in is None or self.device is None:
            raise BadCredentials
        return SessionView(
            access_token=tokens.sign(self.signed_in.id, self.signed_in.scopes),
            token_type="Bearer",  # noqa: S106
            expires_in=tokens.lifetime_seconds(),
            device_token=devices.token_of(self.device),
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

    def log_in(self, command: OpenSession, *, source_ip: str) -> Login:
        """Check a password, and count the attempt.

        The password is verified before the counters are locked, because hashing is slow; they are
        checked again under the lock, so that concurrent guesses gain nothing.
        """
        login_id = command.login_id.lower()
        user, device, attempts = self._find(login_id, source_ip, command)
        account = _account(user, login_id)
        if blocked := _blocked(account, attempts):
            return blocked
        is_right = passwords.is_right(
            command.password.get_secret_value(), user.password_hash if user else None
        )
        attempts = self._users.lock_attempts([each.counter for each in attempts])
        if blocked := _blocked(account, attempts):
            return blocked
        for each in attempts:
            each.succeed() if is_right else each.fail(clock.now())
        self._users.save_attempts(attempts)
        if user is None or not is_right:
            return Login(account)
        return Login(account, user, device or Device(clock.new_id(), user.id))

    def _find(
        self, login_id: str, source_ip: str, command: OpenSession
    ) -> tuple[User | None, Device | None, list[Attempts]]:
        """Find the user, the device if it is one of theirs, and what the attempt is counted by."""
        token = command.device_token
        shown = devices.read(token.get_secret_value() if token else None)
        own = [counter_of(shown)] if shown else []
        shared = counters_of(login_id, source_ip)
        user, attempts = self._users.find_login(login_id, [*own, *shared])
        if shown and user and shown.user_id == user.id:
            return user, shown, attempts[:1]
        return user, None, attempts[len(own) :]

    def entrant(self, user_id: UUID) -> Entrant:
        """Return what the terms of a drop ask about an account. Raises UserNotFound."""
        entrant = self._users.entrant(user_id)
        if entrant is None:
            raise UserNotFound
        return entrant

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


def _blocked(account: Mapping[str, str], attempts: Sequence[Attempts]) -> Login | None:
    longest = max(attempts, key=lambda each: each.blocked_until)
    if wait_seconds := longest.wait_seconds(clock.now()):
        return Login({**account, "blocked": longest.counter.kind.value}, wait_seconds=wait_seconds)
    return None


def _account(user: User | None, login_id: str) -> dict[str, str]:
    # What is typed as an unknown login id is sometimes a password.
    if user is None:
        return {"login_digest": devices.KEYRING.digest("log", login_id)}
    return {"user_id": str(user.id)}


def _view(user: User) -> UserView:
    return UserView(
        user_id=str(user.id),
        login_id=user.login_id,
        name=user.name,
        email=user.email,
        birth_date=user.birth_date,
        gender=user.gender,
    )
