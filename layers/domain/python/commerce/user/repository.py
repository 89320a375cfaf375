"""Users in PostgreSQL."""

from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.user.errors import LoginIdTaken
from commerce.user.model import LoginAttempts, User

if TYPE_CHECKING:
    from commerce.user import statements as sql
else:
    sql = precompiled("commerce.user.statements")


class UserRepository(Protocol):
    """Where users are kept. A login id is the same in capitals and in small letters."""

    def add(self, user: User) -> None:
        """Keep a new user, and tell its events. Raises LoginIdTaken, at the latest on commit."""

    def find(self, id_: UUID) -> User | None:
        """The user with this id."""

    def find_login(self, login_id: str) -> tuple[User | None, LoginAttempts]:
        """The user with this login id, if there is one, and the failed attempts to be them."""

    def lock_attempts(self, login_id: str) -> LoginAttempts:
        """The failed attempts, locked until the transaction ends."""

    def save_attempts(self, login_id: str, attempts: LoginAttempts) -> None:
        """Keep the attempts that were locked."""

    def lock_login(self, login_id: str) -> User | None:
        """The user with this login id, locked until the transaction ends."""

    def with_scope(self, scope: str) -> list[User]:
        """Everybody who has a scope, by login id."""

    def save_scopes(self, user: User, change: Change) -> None:
        """Keep what a locked user may do, and write down who changed it."""


class SqlUserRepository:
    """The users of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, user: User) -> None:
        query = sql.ADD(
            id=user.id,
            login_id=user.login_id,
            password_hash=user.password_hash,
            name=user.name,
            email=user.email,
            birth_date=user.birth_date,
            gender=user.gender,
            scopes=sorted(user.scopes),
            version=user.version,
            created_at=clock.now(),
        )
        self._uow.write(query, {"login_id_taken": LoginIdTaken})
        self._uow.record(*user.events)

    def find(self, id_: UUID) -> User | None:
        return _user(self._uow.read(sql.ONE(id=id_)))

    def find_login(self, login_id: str) -> tuple[User | None, LoginAttempts]:
        users, attempts = self._uow.read_together(
            sql.WITH_LOGIN_ID(login_id=login_id), sql.ATTEMPTS(login_id=login_id)
        )
        return _user(users), LoginAttempts(*attempts[0]) if attempts else LoginAttempts()

    def lock_attempts(self, login_id: str) -> LoginAttempts:
        found = self._uow.lock(
            sql.OPEN_ATTEMPTS(login_id=login_id, blocked_until=LoginAttempts().blocked_until),
            sql.LOCK_ATTEMPTS(login_id=login_id),
        )
        return LoginAttempts(*found[0])

    def save_attempts(self, login_id: str, attempts: LoginAttempts) -> None:
        self._uow.write(
            sql.SAVE_ATTEMPTS(
                login_id=login_id,
                new_failures=attempts.failures,
                new_blocked_until=attempts.blocked_until,
            )
        )

    def lock_login(self, login_id: str) -> User | None:
        return _user(self._uow.lock(sql.LOCK_WITH_LOGIN_ID(login_id=login_id)))

    def with_scope(self, scope: str) -> list[User]:
        found = self._uow.read(sql.WITH_SCOPE(scope=scope))
        return [user for row in found if (user := _user([row]))]

    def save_scopes(self, user: User, change: Change) -> None:
        self._uow.write(sql.SAVE_SCOPES(user_id=user.id, new_scopes=sorted(user.scopes)))
        audit.record(self._uow, change)


def _user(rows: list[Row]) -> User | None:
    for row in rows:
        return User(**row._asdict() | {"scopes": frozenset(row.scopes)})
    return None
