"""Coupons in PostgreSQL, by its clock."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.coupon.model import Coupon, IssuedCoupon, IssuedStatus, Kind
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import Statement, precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.coupon import statements as sql
else:
    sql = precompiled("commerce.coupon.statements")

STRIPES = 16
"""Rows from which a coupon's copies are taken; measured by `make bench BENCH=coupons`."""


class CouponRepository(Protocol):
    """Stores coupons and their copies; its clock decides whether they are valid."""

    def open_offers(self, before: UUID, limit: int) -> list[Coupon]:
        """Return offers below the id `before` that can be issued now, newest first."""

    def add(self, coupon: Coupon) -> None:
        """Store a new offer."""

    def record(self, change: Change) -> None:
        """Store an admin's change in the audit."""

    def find_for(self, id_: UUID, user_id: UUID) -> tuple[Coupon | None, IssuedCoupon | None]:
        """Return an offer with the number of its issued copies, and the user's copy of it."""

    def issue(self, issued: IssuedCoupon, *, on_sold_out: ErrorFactory) -> None:
        """Store a new copy; `on_sold_out` makes the error if none is left.

        Raises Contention if the user has a copy already.
        """

    def reads_of_issued(self, id_: UUID) -> Sequence[Query]:
        """Return what `find_issued` will read."""

    def find_issued(self, id_: UUID) -> IssuedCoupon | None:
        """Return a copy."""

    def lock_issued(self, id_: UUID) -> IssuedCoupon | None:
        """Return a copy, locked FOR UPDATE."""

    def use(self, issued: IssuedCoupon, *, on_violation: ErrorFactory) -> None:
        """Store that a copy is used; `on_violation` makes the error if it no longer can be."""

    def save(self, issued: IssuedCoupon) -> None:
        """Store a locked copy that has changed."""

    def newest_of(
        self, user_id: UUID, status: IssuedStatus | None, before: UUID, limit: int
    ) -> list[IssuedCoupon]:
        """Return a user's copies below the id `before`, newest first, of one status or all."""


class SqlCouponRepository:
    """A CouponRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def open_offers(self, before: UUID, limit: int) -> list[Coupon]:
        return [_coupon(row) for row in self._uow.read(sql.OPEN(before=before, limit=limit))]

    def add(self, coupon: Coupon) -> None:
        self._uow.write(
            sql.ADD(
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
        self._uow.write(sql.ADD_STRIPES(rows=_stripe_rows(coupon)))

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def find_for(self, id_: UUID, user_id: UUID) -> tuple[Coupon | None, IssuedCoupon | None]:
        offers, copies = self._uow.read_together(
            sql.FIND(id=id_), sql.COPY_OF(id=id_, user_id=user_id)
        )
        return (
            _coupon(offers[0]) if offers else None,
            _issued(copies[0]) if copies else None,
        )

    def issue(self, issued: IssuedCoupon, *, on_sold_out: ErrorFactory) -> None:
        coupon = issued.coupon
        self._uow.write(
            sql.ADD_COPY(
                id=issued.id,
                coupon_id=coupon.id,
                user_id=issued.user_id,
                issued_at=clock.now(),
                used_by_order=None,
                version=issued.version,
            ),
            {"coupon_issued_once_per_user": lambda: None},  # the repeated use case finds it
        )
        self._uow.record(*issued.events)
        first = random.randrange(_stripes(coupon))  # noqa: S311  (spread, not a secret)
        self._uow.write_last(
            sql.TAKE(coupon_id=coupon.id, first=first), on_violation={"coupon_left": on_sold_out}
        )

    def reads_of_issued(self, id_: UUID) -> Sequence[Query]:
        return [sql.FIND_COPY(id=id_)]

    def find_issued(self, id_: UUID) -> IssuedCoupon | None:
        [query] = self.reads_of_issued(id_)
        for row in self._uow.read(query):
            return _issued(row)
        return None

    def lock_issued(self, id_: UUID) -> IssuedCoupon | None:
        for row in self._uow.lock(sql.LOCK_COPY(id=id_)):
            return _issued(row)
        return None

    def use(self, issued: IssuedCoupon, *, on_violation: ErrorFactory) -> None:
        self._uow.write(sql.LOCK_COPY(id=issued.id))
        self._save(sql.SAVE_USE, issued, on_violation)

    def save(self, issued: IssuedCoupon) -> None:
        self._save(sql.SAVE, issued, lambda: None)

    def newest_of(
        self, user_id: UUID, status: IssuedStatus | None, before: UUID, limit: int
    ) -> list[IssuedCoupon]:
        query = sql.NEWEST[status or "ALL"](user_id=user_id, before=before, limit=limit)
        return [_issued(row) for row in self._uow.read(query)]

    def _save(self, statement: Statement, issued: IssuedCoupon, on_violation: ErrorFactory) -> None:
        self._uow.write(
            statement(
                row_id=issued.id,
                version_read=issued.version - len(issued.events),
                new_used_by_order=issued.used_by_order,
                new_version=issued.version,
            ),
            {"coupon_as_read": on_violation, "order_uses_one_coupon": on_violation},
        )
        self._uow.record(*issued.events)


def _stripes(coupon: Coupon) -> int:
    return min(STRIPES, coupon.total_quantity)


def _stripe_rows(coupon: Coupon) -> list[dict[str, object]]:
    # Spread as evenly as possible; no stripe begins empty.
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
