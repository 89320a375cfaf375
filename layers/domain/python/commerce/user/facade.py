"""The use cases of the user context."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from commerce.shared import etag as versions
from commerce.shared.etag import IfMatch
from commerce.shared.languages import Language
from commerce.user import passwords
from commerce.user.addresses import normalized
from commerce.user.commands import EditMe, SignUp
from commerce.user.confirmation import Attempt, check, confirm
from commerce.user.errors import BadCredentials, TooManyAttempts, UserNotFound
from commerce.user.model import User
from commerce.user.repository import UserRepository
from commerce.user.throttle import counter_of_taken
from commerce.user.views import Entrant, UserView, VersionedUser


@dataclass(frozen=True, slots=True)
class Edited:
    """An edit of one's own data; without a user, the password that was sent was wrong.

    `former_email` is the address that the user had until now, where it is another one.
    """

    attempt: Attempt
    user: VersionedUser | None = None
    former_email: str | None = field(default=None, repr=False)

    def view(self) -> VersionedUser:
        """Return the edited user. Raises BadCredentials, TooManyAttempts."""
        self.attempt.require()
        if self.user is None:
            raise BadCredentials
        return self.user


class UserFacade:
    """Users sign up, read and edit their data."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users

    def sign_up(self, command: SignUp, *, language: Language = "en") -> UserView:
        """Open an account.

        Raises WeakPassword; LoginIdTaken and EmailTaken, on commit at the latest.
        """
        password = command.password.get_secret_value()
        passwords.require_strong(password, command.login_id, command.name, command.email)
        user = User.signed_up(
            id_=clock.new_id(),
            login_id=command.login_id,
            password_hash=passwords.hashed(password),
            name=command.name,
            email=command.email,
            birth_date=command.birth_date,
            gender=command.gender,
            language=language,
        )
        self._users.add(user)
        self._users.claim_email(user)
        return _view(user)

    def require_turn(self, source_ip: str) -> None:
        """Raise TooManyAttempts while an address was answered too often that something is taken."""
        [taken] = self._users.read_attempts([counter_of_taken(source_ip)])
        if wait_seconds := taken.wait_seconds(clock.now()):
            raise TooManyAttempts(wait_seconds)

    def count_taken(self, source_ip: str) -> int:
        """Count that an address is to be answered so; return the seconds that it waits instead."""
        [taken] = self._users.lock_attempts([counter_of_taken(source_ip)])
        wait_seconds = taken.wait_seconds(clock.now())
        if not wait_seconds:
            taken.fail(clock.now())
            self._users.save_attempts([taken])
        return wait_seconds

    def get(self, user_id: UUID) -> VersionedUser:
        """Return a user. Raises UserNotFound."""
        return _versioned(self._find(user_id))

    def edit(self, user_id: UUID, command: EditMe, *, if_match: IfMatch = None) -> Edited:
        """Edit a user's own data, unless it was edited since the version that they have seen.

        Another address is claimed; the same one in other letters stays as verified as it was.
        Where a password was sent, nothing is edited unless it is right; a wrong one is counted.

        Raises UserNotFound, StaleVersion; EmailTaken, on commit at the latest.
        """
        attempt, user = self._confirmed(user_id, command)
        if user is None:
            return Edited(attempt)
        versions.require_seen([user.version], if_match)
        former = user.email
        if user.edit(command.changes):
            self._users.save(user, on_stale=partial(versions.outdated, if_match))
        if normalized(user.email) == normalized(former):
            return Edited(attempt, _versioned(user))
        user.email_verified = False
        self._users.claim_email(user)
        return Edited(attempt, _versioned(user), former)

    def reads_of_entrant(self, user_id: UUID) -> Sequence[Query]:
        """Return what `entrant` will read."""
        return self._users.reads_of_entrant(user_id)

    def entrant(self, user_id: UUID) -> Entrant:
        """Return what the terms of a drop ask about an account. Raises UserNotFound."""
        entrant = self._users.entrant(user_id)
        if entrant is None:
            raise UserNotFound
        return entrant

    def _confirmed(self, user_id: UUID, command: EditMe) -> tuple[Attempt, User | None]:
        """Return the user, where no password was sent or it is right."""
        if "password" not in command.model_fields_set:
            return Attempt({}, is_right=True), self._find(user_id)
        return confirm(self._users, check(self._users, user_id, command.password))

    def _find(self, user_id: UUID) -> User:
        user = self._users.find(user_id)
        if user is None:
            raise UserNotFound
        return user


def _versioned(user: User) -> VersionedUser:
    return VersionedUser(user=_view(user), version=user.version)


def _view(user: User) -> UserView:
    return UserView(
        user_id=str(user.id),
        login_id=user.login_id,
        name=user.name,
        email=user.email,
        email_verified=user.email_verified,
        birth_date=user.birth_date,
        gender=user.gender,
        language=user.language,
    )
