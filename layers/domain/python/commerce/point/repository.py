"""Point accounts and their ledger in PostgreSQL."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from commerce.point.model import LedgerEntry, PointAccount
from commerce.point.tables import point_account_table, point_ledger_table
from commerce.shared.database import Query, Row, Statement
from commerce.shared.events import Event
from commerce.shared.money import Money
from commerce.shared.unit_of_work import Explain, UnitOfWork

_a, _l = point_account_table.c, point_ledger_table.c
_USER_ID: BindParameter[UUID] = bindparam("user_id")
_CHANGE: BindParameter[int] = bindparam("change", type_=BigInteger)
_ACCOUNT = select(_a.user_id, _a.balance, _a.currency, _a.version).where(_a.user_id == _USER_ID)

_FIND = Statement(_ACCOUNT)
_LOCK = Statement(_ACCOUNT.with_for_update())
_OPEN = Statement(
    insert(point_account_table)
    .values(user_id=_USER_ID, balance=0, currency=bindparam("currency"), version=0)
    .on_conflict_do_nothing()
)
_NEWEST = Statement(
    select(_l.id, _l.user_id, _l.amount, _l.currency, _l.reason, _l.order_id, _l.at)
    .where(_l.user_id == _USER_ID)
    .order_by(_l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_ENTER = Statement(
    insert(point_ledger_table).values(
        {each.name: bindparam(each.name) for each in point_ledger_table.columns}
    )
)


def _move(rule: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Change the one account that meets the conditions; where there is none, `rule` is broken."""
    moved = (
        update(point_account_table)
        .where(_a.user_id == _USER_ID, _a.currency == bindparam("currency"), *conditions)
        .values(balance=_a.balance + _CHANGE, version=_a.version + 1)
        .returning(_a.user_id)
        .cte("moved")
    )
    return select(func.require(func.count() == 1, rule)).select_from(moved)


_CREDIT = Statement(lambda: _move("point_account_open"))
_DEBIT = Statement(lambda: _move("points_sufficient", _a.balance + _CHANGE >= 0))


class PointRepository(Protocol):
    """Where point accounts and their ledger are kept."""

    def find(self, user_id: UUID) -> PointAccount:
        """The user's account; an empty one for whoever has none."""

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        """The user's account, opened if there was none, locked until the transaction ends."""

    def statement(self, user_id: UUID, limit: int) -> tuple[PointAccount, list[LedgerEntry]]:
        """The account and its newest entries, as of the same moment."""

    def credit(self, entry: LedgerEntry, events: Sequence[Event] = ()) -> None:
        """Add the entry's amount to its account, enter it into the ledger, and tell the events."""

    def debit(self, entry: LedgerEntry, *, refused: Explain) -> None:
        """The same with a negative amount; `refused` explains what the balance does not allow."""


class SqlPointRepository:
    """The accounts of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find(self, user_id: UUID) -> PointAccount:
        return _account(user_id, self._uow.read(_FIND(user_id=user_id)))

    def lock_or_open(self, user_id: UUID) -> PointAccount:
        currency = PointAccount.empty(user_id).balance.currency
        opening = _OPEN(user_id=user_id, currency=currency)
        return _account(user_id, self._uow.lock(opening, _LOCK(user_id=user_id)))

    def statement(self, user_id: UUID, limit: int) -> tuple[PointAccount, list[LedgerEntry]]:
        account, entries = self._uow.read_together(
            _FIND(user_id=user_id), _NEWEST(user_id=user_id, limit=limit)
        )
        return _account(user_id, account), [_ledger_entry(row) for row in entries]

    def credit(self, entry: LedgerEntry, events: Sequence[Event] = ()) -> None:
        self._uow.write(_CREDIT(**_change(entry)))
        self._uow.write(_enter(entry))
        for event in events:
            self._uow.record(event)

    def debit(self, entry: LedgerEntry, *, refused: Explain) -> None:
        refusals = {"points_sufficient": refused, "points_not_negative": refused}
        self._uow.write(_LOCK(user_id=entry.user_id))
        self._uow.write(_DEBIT(**_change(entry)), refusals)
        self._uow.write(_enter(entry))


def _change(entry: LedgerEntry) -> dict[str, object]:
    return {
        "user_id": entry.user_id,
        "currency": entry.amount.currency,
        "change": entry.amount.amount,
    }


def _enter(entry: LedgerEntry) -> Query:
    return _ENTER(
        id=entry.id,
        user_id=entry.user_id,
        amount=entry.amount.amount,
        currency=entry.amount.currency,
        reason=entry.reason,
        order_id=entry.order_id,
        at=entry.at,
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
        at=row.at,
    )
