"""Coupons in PostgreSQL, by its clock."""

import random
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Uuid,
    bindparam,
    exists,
    func,
    insert,
    select,
    text,
    update,
)

from commerce.coupon.model import Coupon, IssuedCoupon, IssuedStatus, Kind
from commerce.coupon.tables import coupon_stripe_table, coupon_table, issued_coupon_table
from commerce.shared import audit, clock
from commerce.shared.audit import Change
from commerce.shared.database import Row, Statement, insert_many
from commerce.shared.unit_of_work import Explain, UnitOfWork

STRIPES = 16
"""Rows that a coupon's copies are taken from; measured by `make bench BENCH=coupons`."""

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
_FIND = Statement(_OFFERS.where(_c.id == _ID))
_OPEN = Statement(
    _OFFERS.where(
        _c.id < bindparam("before", type_=Uuid),
        _c.valid_from <= _NOW,
        _c.valid_until > _NOW,
        exists().where(_s.coupon_id == _c.id, _s.quantity_left > 0),
    )
    .order_by(_c.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_ADD = Statement(
    insert(coupon_table).values({each.name: bindparam(each.name) for each in coupon_table.columns})
)
_ADD_STRIPES = insert_many(coupon_stripe_table, "coupon_id", "number", "quantity_left")

_FIND_COPY = Statement(_COPIES.where(_i.id == _ID))
_LOCK_COPY = Statement(_COPIES.where(_i.id == _ID).with_for_update(of=issued_coupon_table))
_COPY_OF = Statement(
    _COPIES.where(_i.coupon_id == _ID, _i.user_id == bindparam("user_id", type_=Uuid))
)
_ADD_COPY = Statement(
    insert(issued_coupon_table).values(
        {
            name: bindparam(name)
            for name in ("id", "coupon_id", "user_id", "issued_at", "used_by_order", "version")
        }
    )
)


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
_NEWEST = {
    None: _newest(),
    IssuedStatus.AVAILABLE: _newest(_UNUSED, _c.valid_until > _NOW),
    IssuedStatus.USED: _newest(_i.used_by_order.is_not(None)),
    IssuedStatus.EXPIRED: _newest(_UNUSED, _c.valid_until <= _NOW),
}

# One copy out of any stripe that has one and that nobody holds, each taker beginning elsewhere.
# Where all that have one are held, wait for them in their order: they may be empty by then, or
# their holder may roll back. Nothing puts a copy back, so who finds none there knows: sold out.
_TAKE = Statement(
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


def _save(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Keep what became of the copy that was read; where it is another by now, a rule is broken."""
    saved = (
        update(issued_coupon_table)
        .where(
            _i.id == bindparam("issued_id", type_=Uuid),
            _i.version == bindparam("version_read", type_=BigInteger),
            *conditions,
        )
        .values(
            used_by_order=bindparam("used_by", type_=Uuid),
            version=bindparam("new_version", type_=BigInteger),
        )
        .returning(_i.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "coupon_as_read")).select_from(saved)


_SAVE = Statement(_save)
# Whether it is still valid is asked when its row is ours: whoever waited for it may be too late.
_SAVE_USE = Statement(
    lambda: _save(_UNUSED, _c.id == _i.coupon_id, _c.valid_from <= _NOW, _c.valid_until > _NOW)
)


class CouponRepository(Protocol):
    """Where coupons are kept, and the clock that says whether they are valid."""

    def open_offers(self, before: UUID, limit: int) -> list[Coupon]:
        """Offers older than `before` that can be issued now, newest first."""

    def add(self, coupon: Coupon) -> None:
        """Keep a new offer, none of it issued."""

    def record(self, change: Change) -> None:
        """Write down what an admin changes."""

    def find_for(self, id_: UUID, user_id: UUID) -> tuple[Coupon | None, IssuedCoupon | None]:
        """An offer with how many copies of it are issued, and the user's copy of it."""

    def issue(self, issued: IssuedCoupon, *, sold_out: Explain) -> None:
        """Keep a new copy, and tell its events; `sold_out` explains why there is none left.

        A user's second copy is lost to the first: Contention.
        """

    def find_issued(self, id_: UUID) -> IssuedCoupon | None:
        """A copy."""

    def lock_issued(self, id_: UUID) -> IssuedCoupon | None:
        """The same, locked until the transaction ends."""

    def use(self, issued: IssuedCoupon, *, refused: Explain) -> None:
        """Keep that a copy is used, and tell it; `refused` explains why it cannot be any more."""

    def save(self, issued: IssuedCoupon) -> None:
        """Keep what became of a locked copy, and tell it."""

    def newest_of(
        self, user_id: UUID, status: IssuedStatus | None, before: UUID, limit: int
    ) -> list[IssuedCoupon]:
        """A user's copies older than `before`, newest first, all or those of one status."""


class SqlCouponRepository:
    """The coupons of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def open_offers(self, before: UUID, limit: int) -> list[Coupon]:
        return [_coupon(row) for row in self._uow.read(_OPEN(before=before, limit=limit))]

    def add(self, coupon: Coupon) -> None:
        self._uow.write(
            _ADD(
                id=coupon.id,
                name=coupon.name,
                kind=coupon.kind.value,
                value=coupon.value,
                max_discount=coupon.max_discount,
                min_order_amount=coupon.min_order_amount,
                currency=coupon.currency,
                total_quantity=coupon.total_quantity,
                valid_from=coupon.valid_from,
                valid_until=coupon.valid_until,
                created_at=coupon.as_of,
            )
        )
        self._uow.write(_ADD_STRIPES(rows=_stripe_rows(coupon)))

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def find_for(self, id_: UUID, user_id: UUID) -> tuple[Coupon | None, IssuedCoupon | None]:
        offers, copies = self._uow.read_together(_FIND(id=id_), _COPY_OF(id=id_, user_id=user_id))
        return (
            _coupon(offers[0]) if offers else None,
            _issued(copies[0]) if copies else None,
        )

    def issue(self, issued: IssuedCoupon, *, sold_out: Explain) -> None:
        coupon = issued.coupon
        self._uow.write(
            _ADD_COPY(
                id=issued.id,
                coupon_id=coupon.id,
                user_id=issued.user_id,
                issued_at=clock.now(),
                used_by_order=None,
                version=issued.version,
            ),
            {"coupon_issued_once_per_user": lambda: None},  # look again, and find it
        )
        self._tell(issued)
        first = random.randrange(_stripes(coupon))  # noqa: S311  (spread, not a secret)
        self._uow.write_contended(
            _TAKE(coupon_id=coupon.id, first=first), refusals={"coupon_left": sold_out}
        )

    def find_issued(self, id_: UUID) -> IssuedCoupon | None:
        for row in self._uow.read(_FIND_COPY(id=id_)):
            return _issued(row)
        return None

    def lock_issued(self, id_: UUID) -> IssuedCoupon | None:
        for row in self._uow.lock(_LOCK_COPY(id=id_)):
            return _issued(row)
        return None

    def use(self, issued: IssuedCoupon, *, refused: Explain) -> None:
        self._uow.write(_LOCK_COPY(id=issued.id))
        self._save(_SAVE_USE, issued, refused)

    def save(self, issued: IssuedCoupon) -> None:
        self._save(_SAVE, issued, lambda: None)

    def newest_of(
        self, user_id: UUID, status: IssuedStatus | None, before: UUID, limit: int
    ) -> list[IssuedCoupon]:
        query = _NEWEST[status](user_id=user_id, before=before, limit=limit)
        return [_issued(row) for row in self._uow.read(query)]

    def _save(self, statement: Statement, issued: IssuedCoupon, refused: Explain) -> None:
        self._uow.write(
            statement(
                issued_id=issued.id,
                version_read=issued.version - len(issued.events),
                used_by=issued.used_by_order,
                new_version=issued.version,
            ),
            {"coupon_as_read": refused, "order_uses_one_coupon": refused},
        )
        self._tell(issued)

    def _tell(self, issued: IssuedCoupon) -> None:
        for event in issued.events:
            self._uow.record(event)


def _stripes(coupon: Coupon) -> int:
    return min(STRIPES, coupon.total_quantity)


def _stripe_rows(coupon: Coupon) -> list[dict[str, object]]:
    """The copies, dealt out as evenly as they go; no stripe begins empty."""
    each, more = divmod(coupon.total_quantity, _stripes(coupon))
    return [
        {"coupon_id": str(coupon.id), "number": number, "quantity_left": each + (number < more)}
        for number in range(_stripes(coupon))
    ]


def _coupon(row: Row) -> Coupon:
    return Coupon(
        id=row.id,
        name=row.name,
        kind=Kind(row.kind),
        value=row.value,
        max_discount=row.max_discount,
        min_order_amount=row.min_order_amount,
        currency=row.currency,
        total_quantity=row.total_quantity,
        issued_quantity=row.issued_quantity,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        as_of=row.as_of,
    )


def _issued(row: Row) -> IssuedCoupon:
    return IssuedCoupon(
        id=row.issued_id,
        coupon=_coupon(row),
        user_id=row.user_id,
        used_by_order=row.used_by_order,
        version=row.version,
    )
