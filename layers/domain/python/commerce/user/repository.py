"""Users in PostgreSQL."""

from typing import Protocol
from uuid import UUID

from sqlalchemy import ARRAY, Select, Text, Uuid, any_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from commerce.shared import audit, clock
from commerce.shared.audit import Change
from commerce.shared.database import Row, Statement
from commerce.shared.unit_of_work import UnitOfWork
from commerce.user.errors import LoginIdTaken
from commerce.user.model import LoginAttempts, User
from commerce.user.tables import login_attempt_table, user_table

_u, _a = user_table.c, login_attempt_table.c
_LOGIN_ID = func.lower(bindparam("login_id"))
_USER = select(
    _u.id, _u.login_id, _u.password_hash, _u.name, _u.email, _u.birth_date, _u.gender, _u.scopes,
    _u.version,
)  # fmt: skip
_ONE = Statement(_USER.where(_u.id == bindparam("id")))
_WITH_LOGIN_ID = Statement(_USER.where(func.lower(_u.login_id) == _LOGIN_ID))
_ADD = Statement(
    insert(user_table).values({each.name: bindparam(each.name) for each in user_table.columns})
)


_WITH_SCOPE = Statement(
    _USER.where(bindparam("scope", type_=Text) == any_(_u.scopes)).order_by(_u.login_id)
)
_LOCK_WITH_LOGIN_ID = Statement(_USER.where(func.lower(_u.login_id) == _LOGIN_ID).with_for_update())
_SAVE_SCOPES = Statement(
    update(user_table)
    .where(_u.id == bindparam("user_id", type_=Uuid))
    .values(scopes=bindparam("new_scopes", type_=ARRAY(Text)))
)


def _attempts() -> Select[tuple[int, object]]:
    return select(_a.failures, _a.blocked_until).where(_a.login_id == _LOGIN_ID)


_ATTEMPTS = Statement(_attempts())
_OPEN_ATTEMPTS = Statement(
    insert(login_attempt_table)
    .values(login_id=_LOGIN_ID, failures=0, blocked_until=bindparam("blocked_until"))
    .on_conflict_do_nothing()
)
_LOCK_ATTEMPTS = Statement(_attempts().with_for_update())
_SAVE_ATTEMPTS = Statement(
    update(login_attempt_table)
    .where(_a.login_id == _LOGIN_ID)
    .values(failures=bindparam("new_failures"), blocked_until=bindparam("new_blocked_until"))
)


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
        query = _ADD(
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
        for event in user.events:
            self._uow.record(event)

    def find(self, id_: UUID) -> User | None:
        return _user(self._uow.read(_ONE(id=id_)))

    def find_login(self, login_id: str) -> tuple[User | None, LoginAttempts]:
        users, attempts = self._uow.read_together(
            _WITH_LOGIN_ID(login_id=login_id), _ATTEMPTS(login_id=login_id)
        )
        return _user(users), LoginAttempts(*attempts[0]) if attempts else LoginAttempts()

    def lock_attempts(self, login_id: str) -> LoginAttempts:
        found = self._uow.lock(
            _OPEN_ATTEMPTS(login_id=login_id, blocked_until=LoginAttempts().blocked_until),
            _LOCK_ATTEMPTS(login_id=login_id),
        )
        return LoginAttempts(*found[0])

    def save_attempts(self, login_id: str, attempts: LoginAttempts) -> None:
        self._uow.write(
            _SAVE_ATTEMPTS(
                login_id=login_id,
                new_failures=attempts.failures,
                new_blocked_until=attempts.blocked_until,
            )
        )

    def lock_login(self, login_id: str) -> User | None:
        return _user(self._uow.lock(_LOCK_WITH_LOGIN_ID(login_id=login_id)))

    def with_scope(self, scope: str) -> list[User]:
        found = self._uow.read(_WITH_SCOPE(scope=scope))
        return [user for row in found if (user := _user([row]))]

    def save_scopes(self, user: User, change: Change) -> None:
        self._uow.write(_SAVE_SCOPES(user_id=user.id, new_scopes=sorted(user.scopes)))
        audit.record(self._uow, change)


def _user(rows: list[Row]) -> User | None:
    for row in rows:
        return User(**row._asdict() | {"scopes": frozenset(row.scopes)})
    return None
