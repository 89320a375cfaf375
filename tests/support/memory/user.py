"""Users in memory: what a write changes, the next read sees."""

from copy import copy
from uuid import UUID

from commerce.runtime.audit import Change
from commerce.shared.events import Event
from commerce.user.errors import LoginIdTaken
from commerce.user.model import LoginAttempts, User


class MemoryUserRepository:
    """The promises of commerce.user.repository.UserRepository, without a database."""

    def __init__(self) -> None:
        self._users: dict[UUID, User] = {}
        self._attempts: dict[str, LoginAttempts] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []

    def add(self, user: User) -> None:
        if self._with_login_id(user.login_id):
            raise LoginIdTaken
        self._users[user.id] = user
        self.events += user.events

    def find(self, id_: UUID) -> User | None:
        return self._users.get(id_)

    def find_login(self, login_id: str) -> tuple[User | None, LoginAttempts]:
        return self._with_login_id(login_id), self.lock_attempts(login_id)

    def lock_attempts(self, login_id: str) -> LoginAttempts:
        return copy(self._attempts.get(login_id.lower(), LoginAttempts()))

    def save_attempts(self, login_id: str, attempts: LoginAttempts) -> None:
        self._attempts[login_id.lower()] = copy(attempts)

    def lock_login(self, login_id: str) -> User | None:
        return self._with_login_id(login_id)

    def with_scope(self, scope: str) -> list[User]:
        found = [user for user in self._users.values() if scope in user.scopes]
        return sorted(found, key=lambda user: user.login_id)

    def save_scopes(self, user: User, change: Change) -> None:
        self._users[user.id] = user
        self.changes.append(change)

    def _with_login_id(self, login_id: str) -> User | None:
        for user in self._users.values():
            if user.login_id.lower() == login_id.lower():
                return user
        return None
