"""Users in memory: what a write changes, the next read sees."""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock
from commerce.shared.events import Event
from commerce.user.addresses import normalized
from commerce.user.errors import EmailTaken, LoginIdTaken
from commerce.user.model import User
from commerce.user.throttle import Attempts, Counter
from commerce.user.views import Entrant


class MemoryUserRepository:
    """The promises of commerce.user.repository.UserRepository, without a database."""

    def __init__(self) -> None:
        self._users: dict[UUID, User] = {}
        self._created: dict[UUID, datetime] = {}
        self._claims: dict[str, UUID] = {}
        self._attempts: dict[Counter, Attempts] = {}
        self.events: list[Event] = []

    def add(self, user: User) -> None:
        if self._with_login_id(user.login_id):
            raise LoginIdTaken
        self._users[user.id] = user
        self._created[user.id] = clock.now()
        self.events += user.events

    def find(self, id_: UUID) -> User | None:
        found = self._users.get(id_)
        return replace(found) if found else None

    def reads_of_entrant(self, id_: UUID) -> Sequence[Query]:
        return ()

    def entrant(self, id_: UUID) -> Entrant | None:
        user = self._users.get(id_)
        if user is None:
            return None
        return Entrant(user.email, user.email_verified, self._created[id_], bool(user.scopes))

    def find_login(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        return self._with_login_id(login_id), self.lock_attempts(counters)

    def lock_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        return [copy(self._attempts.get(each, Attempts(each))) for each in counters]

    def read_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        return self.lock_attempts(counters)

    def find_attempts(
        self, id_: UUID, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        return self.find(id_), self.lock_attempts(counters)

    def lock_login_attempts(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        return self.find_login(login_id, counters)

    def lock(self, id_: UUID) -> User | None:
        return self.find(id_)

    def lock_shared(self, id_: UUID) -> User | None:
        return self.find(id_)

    def claim_email(self, user: User) -> None:
        address = normalized(user.email)
        if self._claims.get(address, user.id) != user.id:
            raise EmailTaken
        others = {each: owner for each, owner in self._claims.items() if owner != user.id}
        self._claims = {**others, address: user.id}
        self._users[user.id].email_verified = False

    def verify_email(self, user: User) -> None:
        address = normalized(user.email)
        owner = self._claims.get(address, user.id)
        if owner != user.id and self._users[owner].email_verified:
            raise EmailTaken
        self._claims.pop(address, None)
        self.claim_email(user)
        self._users[user.id].email_verified = True

    def save(self, user: User, *, on_stale: ErrorFactory) -> None:
        if self._users[user.id].version != user.version - 1:
            raise on_stale() or Contention("user_as_read is satisfied again")
        self._users[user.id] = user

    def save_password(self, user: User) -> None:
        self._users[user.id] = user

    def save_attempts(self, attempts: Iterable[Attempts]) -> None:
        self._attempts |= {each.counter: copy(each) for each in attempts}

    def _with_login_id(self, login_id: str) -> User | None:
        for user in self._users.values():
            if user.login_id.lower() == login_id.lower():
                return user
        return None
