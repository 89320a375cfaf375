"""Point accounts and their ledger in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias
from uuid import UUID

from commerce.point.charging import Charged
from commerce.point.model import Charge, ChargeStatus, LedgerEntry, PointAccount
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared.events import Event
from commerce.shared.money import Money

if TYPE_CHECKING:
    from commerce.point import statements as sql
else:
    sql = precompiled("commerce.point.statements")


Place: TypeAlias = tuple[int, UUID]
"""An entry's position and id."""
NEWEST: Place = (2**63 - 1, UUID(int=2**128 - 1))


class PointRepository(Protocol):
    """Stores point accounts, their ledger and their events."""

    def reads_of_account(self, user_id: UUID) -> Sequence[Query]:
        """Return what `find` will read."""

    def find(self, user_id: UUID) -> PointAccount:
        """Return the user's account, an empty one if there is none."""

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        """Return the user's account, created if there was none, locked FOR UPDATE."""

    def locks_to_charge(self, user_id: UUID, since: datetime) -> Sequence[Query]:
        """Return what `lock_to_charge` will lock and read."""

    def lock_to_charge(self, user_id: UUID, since: datetime) -> tuple[PointAccount, Charged]:
        """Lock an account, and return it with the charges since then and the pending ones.

        One that is not there is opened.
        """

    def statement(
        self, user_id: UUID, limit: int, before: Place = NEWEST
    ) -> tuple[PointAccount, list[LedgerEntry]]:
        """Return the account and its newest entries before a place, as of the same moment."""

    def record(self, change: Change) -> None:
        """Record a change by staff in the audit."""

    def add_charge(self, charge: Charge) -> None:
        """Store a new charge."""

    def find_charge(self, id_: UUID) -> Charge | None:
        """Return a charge."""

    def locks_of_charge(self, id_: UUID) -> Sequence[Query]:
        """Return what `lock_charge` will lock."""

    def lock_charge(self, id_: UUID) -> Charge | None:
        """Return a charge, locked FOR UPDATE."""

    def save_charge(self, charge: Charge) -> None:
        """Store a locked charge that has changed."""

    def charges_of(self, user_id: UUID, before: UUID, limit: int) -> list[Charge]:
        """Return a user's charges below the id `before`, newest first."""

    def pending_of(self, user_id: UUID) -> list[UUID]:
        """Return a user's charges that are yet to be paid, oldest first."""

    def credit(self, entry: LedgerEntry, events: Sequence[Event] = ()) -> None:
        """Add a positive entry to the ledger, and its amount to the account."""

    def debit(self, entry: LedgerEntry, *, on_shortage: ErrorFactory) -> None:
        """Add a negative entry; `on_shortage` makes the error if the balance is too small."""


class SqlPointRepository:
    """A PointRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def reads_of_account(self, user_id: UUID) -> Sequence[Query]:
        return [sql.FIND(user_id=user_id)]

    def find(self, user_id: UUID) -> PointAccount:
        [query] = self.reads_of_account(user_id)
        return _account(user_id, self._uow.read(query))

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        return _account(user_id, self._uow.lock(*_locks(user_id)))

    def locks_to_charge(self, user_id: UUID, since: datetime) -> Sequence[Query]:
        return [*_locks(user_id), sql.CHARGED(user_id=user_id, since=since)]

    def lock_to_charge(self, user_id: UUID, since: datetime) -> tuple[PointAccount, Charged]:
        _, account, [charged] = self._uow.lock_together(*self.locks_to_charge(user_id, since))
        sums = Charged(int(charged.today), int(charged.pending))
        return _account(user_id, account), sums

    def statement(
        self, user_id: UUID, limit: int, before: Place = NEWEST
    ) -> tuple[PointAccount, list[LedgerEntry]]:
        position, id_ = before
        account, entries = self._uow.read_together(
            sql.FIND(user_id=user_id),
            sql.ENTRIES(user_id=user_id, position=position, id=id_, limit=limit),
        )
        return _account(user_id, account), [_ledger_entry(row) for row in entries]

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def add_charge(self, charge: Charge) -> None:
        self._uow.write(
            sql.ADD_CHARGE(
                id=charge.id,
                user_id=charge.user_id,
                status=charge.status.value,
                amount=charge.amount.amount,
                currency=charge.amount.currency,
                requested_at=charge.requested_at,
                version=charge.version,
            )
        )

    def find_charge(self, id_: UUID) -> Charge | None:
        return _charge(self._uow.read(sql.FIND_CHARGE(id=id_)))

    def locks_of_charge(self, id_: UUID) -> Sequence[Query]:
        return [sql.LOCK_CHARGE(id=id_)]

    def lock_charge(self, id_: UUID) -> Charge | None:
        return _charge(self._uow.lock(*self.locks_of_charge(id_)))

    def save_charge(self, charge: Charge) -> None:
        self._uow.write(
            sql.SAVE_CHARGE(
                row_id=charge.id,
                version_read=charge.version - 1,
                new_status=charge.status.value,
                new_version=charge.version,
            ),
            {"charge_as_read": lambda: None},
        )

    def charges_of(self, user_id: UUID, before: UUID, limit: int) -> list[Charge]:
        found = self._uow.read(sql.CHARGES(user_id=user_id, before=before, limit=limit))
        return [_one_charge(row) for row in found]

    def pending_of(self, user_id: UUID) -> list[UUID]:
        return [row.id for row in self._uow.read(sql.PENDING_CHARGES(user_id=user_id))]

    def credit(self, entry: LedgerEntry, events: Sequence[Event] = ()) -> None:
        self._uow.write(sql.CREDIT(**_change(entry)))
        self._uow.write(_enter(entry))
        self._uow.record(*events)

    def debit(self, entry: LedgerEntry, *, on_shortage: ErrorFactory) -> None:
        on_violation = {"points_sufficient": on_shortage, "points_not_negative": on_shortage}
        self._uow.write(sql.LOCK(user_id=entry.user_id))
        self._uow.write(sql.DEBIT(**_change(entry)), on_violation)
        self._uow.write(_enter(entry))


def _locks(user_id: UUID) -> list[Query]:
    currency = PointAccount.empty(user_id).balance.currency
    return [sql.OPEN(user_id=user_id, currency=currency), sql.LOCK(user_id=user_id)]


def _change(entry: LedgerEntry) -> dict[str, object]:
    return {
        "user_id": entry.user_id,
        "currency": entry.amount.currency,
        "change": entry.amount.amount,
    }


def _enter(entry: LedgerEntry) -> Query:
    return sql.ENTER(
        id=entry.id,
        user_id=entry.user_id,
        amount=entry.amount.amount,
        currency=entry.amount.currency,
        reason=entry.reason,
        order_id=entry.order_id,
        charge_id=entry.charge_id,
        at=entry.at,
    )


def _charge(rows: list[Row]) -> Charge | None:
    return _one_charge(rows[0]) if rows else None


def _one_charge(row: Row) -> Charge:
    return Charge(
        id=row.id,
        user_id=row.user_id,
        amount=Money(row.amount, row.currency),
        requested_at=row.requested_at,
        status=ChargeStatus(row.status),
        version=row.version,
    )


def _account(user_id: UUID, rows: list[Row]) -> PointAccount:
    for row in rows:
        return PointAccount(row.user_id, Money(row.balance, row.currency), row.version)
    return PointAccount.empty(user_id)


def _ledger_entry(row: Row) -> LedgerEntry:
    return LedgerEntry(
        id=row.id,
        user_id=row.user_id,
        amount=Money(row.amount, row.currency),
        reason=row.reason,
        order_id=row.order_id,
        charge_id=row.charge_id,
        position=row.position or 0,
        balance_after=None if row.position is None else Money(row.balance_after, row.currency),
        at=row.at,
    )
