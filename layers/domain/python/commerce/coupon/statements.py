"""The SQL statements of the coupon context."""

from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Uuid,
    bindparam,
    exists,
    func,
    select,
    text,
)

from commerce.coupon.model import IssuedStatus
from commerce.coupon.tables import coupon_stripe_table, coupon_table, issued_coupon_table
from commerce.runtime.db.core import insert_many, insert_row, save_as_read
from commerce.runtime.db.statement import Statement

_c, _s, _i = coupon_table.c, coupon_stripe_table.c, issued_coupon_table.c
_NOW = func.clock_timestamp()
_LEFT = (
    select(func.coalesce(func.sum(_s.quantity_left), 0))
    .where(_s.coupon_id == _c.id)
    .scalar_subquery()
)
_OFFERS = select(
    _c.id, _c.name, _c.kind, _c.value, _c.max_discount, _c.min_order_amount, _c.currency,
    _c.total_quantity, _c.valid_from, _c.valid_until, _NOW.label("as_of"),
    (_c.total_quantity - _LEFT).label("issued_quantity"),
)  # fmt: skip
_COPIES = _OFFERS.add_columns(
    _i.id.label("issued_id"), _i.user_id, _i.used_by_order, _i.version
).join_from(issued_coupon_table, coupon_table, _c.id == _i.coupon_id)

_ID: ColumnElement[UUID] = bindparam("id", type_=Uuid)
FIND = Statement(_OFFERS.where(_c.id == _ID))
# By the transaction's beginning, which the index on the end can be searched for.
OPEN = Statement(
    _OFFERS.where(
        _c.id < bindparam("before", type_=Uuid),
        _c.valid_from <= func.now(),
        _c.valid_until > func.now(),
        exists().where(_s.coupon_id == _c.id, _s.quantity_left > 0),
    )
    .order_by(_c.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
ADD = insert_row(coupon_table)
ADD_STRIPES = insert_many(coupon_stripe_table, "coupon_id", "number", "quantity_left")

FIND_COPY = Statement(_COPIES.where(_i.id == _ID))
LOCK_COPY = Statement(_COPIES.where(_i.id == _ID).with_for_update(of=issued_coupon_table))
COPY_OF = Statement(
    _COPIES.where(_i.coupon_id == _ID, _i.user_id == bindparam("user_id", type_=Uuid))
)
ADD_COPY = insert_row(issued_coupon_table)


def _newest(*conditions: ColumnElement[bool]) -> Statement:
    return Statement(
        _COPIES.where(
            _i.user_id == bindparam("user_id", type_=Uuid),
            _i.id < bindparam("before", type_=Uuid),
            *conditions,
        )
        .order_by(_i.id.desc())
        .limit(bindparam("limit", type_=BigInteger))
    )


_UNUSED = _i.used_by_order.is_(None)
NEWEST = {
    "ALL": _newest(),
    IssuedStatus.AVAILABLE: _newest(_UNUSED, _c.valid_until > _NOW),
    IssuedStatus.USED: _newest(_i.used_by_order.is_not(None)),
    IssuedStatus.EXPIRED: _newest(_UNUSED, _c.valid_until <= _NOW),
}

# Take one copy from any stripe that has one and is not locked, starting at a random one. If all
# that have one are locked, wait for them in order: they may be empty by then, or their holder may
# roll back. No copy is ever returned, so an empty result means that the coupon is sold out.
TAKE = Statement(
    text("""
    WITH free AS (
        SELECT number FROM coupon_stripe
        WHERE coupon_id = CAST(:coupon_id AS uuid) AND quantity_left > 0
        ORDER BY number < CAST(:first AS integer), number
        LIMIT 1 FOR UPDATE SKIP LOCKED
    ), waited_for AS (
        SELECT number FROM coupon_stripe
        WHERE coupon_id = CAST(:coupon_id AS uuid) AND quantity_left > 0
            AND NOT EXISTS (SELECT FROM free)
        ORDER BY number
        LIMIT 1 FOR UPDATE
    ), taken AS (
        UPDATE coupon_stripe SET quantity_left = quantity_left - 1
        WHERE coupon_id = CAST(:coupon_id AS uuid) AND quantity_left > 0
            AND number = (SELECT number FROM free UNION ALL SELECT number FROM waited_for)
        RETURNING number
    )
    SELECT require((SELECT count(*) FROM taken) = 1, 'coupon_left')
    """)
)
SAVE = save_as_read(issued_coupon_table, "coupon_as_read", "used_by_order")
# Validity is checked once the row is locked: the coupon may expire while waiting for the lock.
SAVE_USE = save_as_read(
    issued_coupon_table,
    "coupon_as_read",
    "used_by_order",
    where=(_c.id == _i.coupon_id, _c.valid_from <= _NOW, _c.valid_until > _NOW),
)
