"""Users in PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock
from commerce.shared.clock import rfc3339
from commerce.user.addresses import normalized
from commerce.user.errors import EmailTaken, LoginIdTaken
from commerce.user.model import User
from commerce.user.throttle import Attempts, Counter
from commerce.user.views import Entrant

if TYPE_CHECKING:
    from commerce.user import statements as sql
    from commerce.user.recipients import statements as recipients_sql
else:
    sql = precompiled("commerce.user.statements")
    recipients_sql = precompiled("commerce.user.recipients.statements")


class UserRepository(Protocol):
    """Stores users and counts of failed sign-ins. Login ids are compared case-insensitively."""

    def add(self, user: User) -> None:
        """Store a new user. Raises LoginIdTaken, on commit at the latest."""

    def find(self, id_: UUID) -> User | None:
        """Return the user with this id."""

    def reads_of_entrant(self, id_: UUID) -> Sequence[Query]:
        """Return what `entrant` will read."""

    def entrant(self, id_: UUID) -> Entrant | None:
        """Return what the terms of a drop ask about the account with this id."""

    def find_login(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        """Return the user with this login id, if any, and what each counter has counted."""

    def lock_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        """Return what each counter has counted, created if it was new, locked FOR UPDATE."""

    def read_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        """Return what each counter has counted."""

    def save_attempts(self, attempts: Iterable[Attempts]) -> None:
        """Store attempts that were locked."""

    def find_attempts(
        self, id_: UUID, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        """Return the user with this id, if any, and what each counter has counted."""

    def lock_login_attempts(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        """Lock attempts as `lock_attempts` does, and before them the user, FOR SHARE."""

    def lock(self, id_: UUID) -> User | None:
        """Return the user with this id, locked FOR UPDATE."""

    def lock_shared(self, id_: UUID) -> User | None:
        """Return the user with this id, locked FOR SHARE."""

    def claim_email(self, user: User) -> None:
        """Make a stored user's address theirs, in place of the one that was, unverified.

        Tokens that were mailed to the one before are void. Raises EmailTaken, on commit at the
        latest, where another user has claimed it.
        """

    def verify_email(self, user: User) -> None:
        """Make a user's address theirs, verified.

        It is taken from another user who has not verified it; addresses that they had before are
        no longer suppressed. Raises EmailTaken, on commit at the latest, where another has.
        """

    def save(self, user: User, *, on_stale: ErrorFactory) -> None:
        """Store an edited user; `on_stale`: another edit was stored since this one was read."""

    def save_password(self, user: User) -> None:
        """Store password and epoch of a locked user."""


class SqlUserRepository:
    """A UserRepository on a unit of work."""

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
            language=user.language,
            scopes=sorted(user.scopes),
            epoch=user.epoch,
            version=user.version,
            created_at=clock.now(),
        )
        self._uow.write(query, {"login_id_taken": LoginIdTaken})
        self._uow.record(*user.events)

    def find(self, id_: UUID) -> User | None:
        return _user(self._uow.read(sql.ONE(id=id_)))

    def reads_of_entrant(self, id_: UUID) -> Sequence[Query]:
        return [sql.ENTRANT(id=id_)]

    def entrant(self, id_: UUID) -> Entrant | None:
        [query] = self.reads_of_entrant(id_)
        for row in self._uow.read(query):
            return Entrant(row.email, row.email_verified, row.created_at, bool(row.scopes))
        return None

    def find_login(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        users, found = self._uow.read_together(
            sql.WITH_LOGIN_ID(login_id=login_id), sql.THROTTLES(keys=_keys(counters))
        )
        return _user(users), _attempts(counters, found)

    def find_attempts(
        self, id_: UUID, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        users, found = self._uow.read_together(sql.ONE(id=id_), sql.THROTTLES(keys=_keys(counters)))
        return _user(users), _attempts(counters, found)

    def lock_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        return _attempts(counters, self._uow.lock(*_lock(counters)))

    def read_attempts(self, counters: Sequence[Counter]) -> list[Attempts]:
        return _attempts(counters, self._uow.read(sql.THROTTLES(keys=_keys(counters))))

    def lock_login_attempts(
        self, login_id: str, counters: Sequence[Counter]
    ) -> tuple[User | None, list[Attempts]]:
        users, _, found = self._uow.lock_together(
            sql.SHARE_WITH_LOGIN_ID(login_id=login_id), *_lock(counters)
        )
        return _user(users), _attempts(counters, found)

    def save_attempts(self, attempts: Iterable[Attempts]) -> None:
        for each in attempts:
            self._uow.write(
                sql.SAVE_THROTTLE(
                    throttle_key=each.counter.key,
                    new_failures=each.failures,
                    new_blocked_until=each.blocked_until,
                )
            )

    def lock(self, id_: UUID) -> User | None:
        return _user(self._uow.lock(sql.LOCK(id=id_)))

    def lock_shared(self, id_: UUID) -> User | None:
        return _user(self._uow.lock(sql.SHARE(id=id_)))

    def claim_email(self, user: User) -> None:
        self._uow.write(
            sql.CLAIM_EMAIL(address=normalized(user.email), user_id=user.id),
            {"email_taken": EmailTaken},
        )
        self._uow.write(sql.VOID_MAIL_TOKENS(void_of=user.id, now=clock.now()))

    def verify_email(self, user: User) -> None:
        claim = {"address": normalized(user.email), "user_id": user.id}
        self._uow.write(sql.RELEASE_UNVERIFIED(**claim))
        self._uow.write(
            sql.VERIFY_EMAIL(**claim, verified_at=clock.now()), {"email_taken": EmailTaken}
        )
        self._uow.write(recipients_sql.LIFT_OTHERS(**claim))

    def save(self, user: User, *, on_stale: ErrorFactory) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=user.id,
                version_read=user.version - 1,
                new_version=user.version,
                new_name=user.name,
                new_email=user.email,
                new_language=user.language,
            ),
            {"user_as_read": on_stale},
        )

    def save_password(self, user: User) -> None:
        self._uow.write(
            sql.SAVE_PASSWORD(
                user_id=user.id, new_password_hash=user.password_hash, new_epoch=user.epoch
            )
        )


def _user(rows: list[Row]) -> User | None:
    for row in rows:
        return User(**row._asdict() | {"scopes": frozenset(row.scopes)})
    return None


def _keys(counters: Sequence[Counter]) -> list[str]:
    return [each.key for each in counters]


def _lock(counters: Sequence[Counter]) -> tuple[Query, Query]:
    never = rfc3339(Attempts(counters[0]).blocked_until)
    rows = [{"key": key, "failures": 0, "blocked_until": never} for key in _keys(counters)]
    return sql.OPEN_THROTTLES(rows=rows), sql.LOCK_THROTTLES(keys=_keys(counters))


def _attempts(counters: Sequence[Counter], rows: list[Row]) -> list[Attempts]:
    found = {row.key: (row.failures, row.blocked_until) for row in rows}
    return [Attempts(each, *found.get(each.key, ())) for each in counters]
