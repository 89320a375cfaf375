"""The check of a password, whose failures are counted: at sign-in, and again within a session.

A password is verified before anything is locked, because hashing is slow. User and counters are
read again under their locks, so that guesses at once gain nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from commerce.runtime.db.connection import Contention
from commerce.shared import clock
from commerce.user import devices, passwords
from commerce.user.errors import AccountSuspended, BadCredentials, TooManyAttempts, UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.throttle import Attempts, counter_of_user


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of checking a password; a failure is committed, and so counted, before it raises.

    `account` names the account in log lines: its user id, or a digest of an unknown login id.
    """

    account: Mapping[str, str]
    is_right: bool = False
    wait_seconds: int = 0
    is_suspended: bool = False

    def require(self) -> None:
        """Raise BadCredentials, TooManyAttempts or AccountSuspended unless it may go on."""
        if self.wait_seconds:
            raise TooManyAttempts(self.wait_seconds)
        if not self.is_right:
            raise BadCredentials
        if self.is_suspended:  # only who knows the password learns it
            raise AccountSuspended


@dataclass(frozen=True, slots=True)
class Checked:
    """A password that was verified within a session, and is not counted yet."""

    user: User
    attempts: Sequence[Attempts]
    is_right: bool = False
    blocked: Attempt | None = None


def check(users: UserRepository, user_id: UUID, password: SecretStr) -> Checked:
    """Verify a signed-in user's password, without a lock; nothing is verified while it is blocked.

    Guesses are counted for the user: who makes them holds a session. Raises UserNotFound.
    """
    user, attempts = users.find_attempts(user_id, [counter_of_user(user_id)])
    if user is None:
        raise UserNotFound
    if blocked := blocked_by(account_of(user, user.login_id), attempts):
        return Checked(user, attempts, blocked=blocked)
    is_right = passwords.is_right(password.get_secret_value(), user.password_hash)
    return Checked(user, attempts, is_right)


def confirm(users: UserRepository, checked: Checked) -> tuple[Attempt, User | None]:
    """Count a checked password; return the user, locked, only where it was right.

    Raises Contention where the password was changed since it was checked.
    """
    if checked.blocked:
        return checked.blocked, None
    account = account_of(checked.user, checked.user.login_id)
    user = users.lock(checked.user.id)
    attempts = users.lock_attempts([each.counter for each in checked.attempts])
    require_unchanged(checked.user, user)
    if blocked := blocked_by(account, attempts):
        return blocked, None
    count(users, attempts, is_right=checked.is_right)
    return Attempt(account, is_right=checked.is_right), user if checked.is_right else None


def count(users: UserRepository, attempts: Sequence[Attempts], *, is_right: bool) -> None:
    """Count a success or a failure with each of these counters, which are locked."""
    for each in attempts:
        each.succeed() if is_right else each.fail(clock.now())
    users.save_attempts(attempts)


def require_unchanged(read: User | None, locked: User | None) -> None:
    """Begin anew where the password changed while it was verified: the old one opens nothing."""
    if (read and read.password_hash) != (locked and locked.password_hash):
        raise Contention("the password was changed meanwhile")


def blocked_by(account: Mapping[str, str], attempts: Sequence[Attempts]) -> Attempt | None:
    """Return the refused attempt where one of these counters demands a wait."""
    longest = max(attempts, key=lambda each: each.blocked_until)
    if wait_seconds := longest.wait_seconds(clock.now()):
        blocked = {**account, "blocked": longest.counter.kind.value}
        return Attempt(blocked, wait_seconds=wait_seconds)
    return None


def account_of(user: User | None, login_id: str) -> dict[str, str]:
    """Name an account in log lines."""
    # What is typed as an unknown login id is sometimes a password.
    if user is None:
        return {"login_digest": devices.KEYRING.digest("log", login_id)}
    return {"user_id": str(user.id)}
