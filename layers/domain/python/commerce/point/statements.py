"""The SQL statements of the point context."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from commerce.point.tables import point_account_table, point_charge_table, point_ledger_table
from commerce.runtime.db.core import insert_row, save_as_read
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
# As in the index. Entries without a position are from before there were positions.
_POSITION = func.coalesce(_l.position, literal_column("0"))
ENTRIES = Statement(
    select(point_ledger_table)
    .where(
        _l.user_id == _USER_ID,
        tuple_(_POSITION, _l.id)
        < tuple_(bindparam("position", type_=BigInteger), bindparam("id", type_=Uuid)),
    )
    .order_by(_POSITION.desc(), _l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
# It follows the change of its account, which stays locked until the commit.
_ENTERED = [each.name for each in _l if each.name not in {"position", "balance_after"}]
ENTER = Statement(
    insert(point_ledger_table).from_select(
        [*_ENTERED, "position", "balance_after"],
        select(
            *(bindparam(name, type_=_l[name].type) for name in _ENTERED), _a.version, _a.balance
        ).where(_a.user_id == _USER_ID),
    )
)

_c = point_charge_table.c
_CHARGE = select(point_charge_table).where(_c.id == bindparam("id", type_=Uuid))
ADD_CHARGE = insert_row(point_charge_table)
FIND_CHARGE = Statement(_CHARGE)
LOCK_CHARGE = Statement(_CHARGE.with_for_update())
SAVE_CHARGE = save_as_read(point_charge_table, "charge_as_read", "status")
CHARGES = Statement(
    select(point_charge_table)
    .where(_c.user_id == _USER_ID, _c.id < bindparam("before", type_=Uuid))
    .order_by(_c.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
PENDING_CHARGES = Statement(
    select(_c.id).where(_c.user_id == _USER_ID, _c.status == "PENDING").order_by(_c.id)
)
_SINCE = bindparam("since", type_=DateTime(timezone=True))
CHARGED = Statement(
    select(
        func.coalesce(func.sum(_c.amount).filter(_c.requested_at >= _SINCE), 0).label("today"),
        func.coalesce(func.sum(_c.amount).filter(_c.status == "PENDING"), 0).label("pending"),
    ).where(_c.user_id == _USER_ID, _c.status != "FAILED")
)


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
