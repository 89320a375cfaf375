"""The SQL statements of the point context."""

from typing import Any
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

from commerce.point.tables import point_account_table, point_ledger_table
from commerce.runtime.db.core import insert_row
from commerce.runtime.db.statement import Statement

_a, _l = point_account_table.c, point_ledger_table.c
_USER_ID: BindParameter[UUID] = bindparam("user_id")
_CHANGE: BindParameter[int] = bindparam("change", type_=BigInteger)
_ACCOUNT = select(_a.user_id, _a.balance, _a.currency, _a.version).where(_a.user_id == _USER_ID)

FIND = Statement(_ACCOUNT)
LOCK = Statement(_ACCOUNT.with_for_update())
OPEN = Statement(
    insert(point_account_table)
    .values(user_id=_USER_ID, balance=0, currency=bindparam("currency"), version=0)
    .on_conflict_do_nothing()
)
NEWEST = Statement(
    select(_l.id, _l.user_id, _l.amount, _l.currency, _l.reason, _l.order_id, _l.at)
    .where(_l.user_id == _USER_ID)
    .order_by(_l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
ENTER = insert_row(point_ledger_table)


def _move(rule: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Build the change of the one account that meets the conditions; else `rule` is violated."""
    moved = (
        update(point_account_table)
        .where(_a.user_id == _USER_ID, _a.currency == bindparam("currency"), *conditions)
        .values(balance=_a.balance + _CHANGE, version=_a.version + 1)
        .returning(_a.user_id)
        .cte("moved")
    )
    return select(func.require(func.count() == 1, rule)).select_from(moved)


CREDIT = Statement(lambda: _move("point_account_open"))
DEBIT = Statement(lambda: _move("points_sufficient", _a.balance + _CHANGE >= 0))
