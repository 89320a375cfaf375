"""Orders in PostgreSQL."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    DateTime,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    func,
    insert,
    select,
    text,
    tuple_,
    update,
)

from commerce.order.model import Order, OrderLine, PaymentMethod, Status, Step
from commerce.order.tables import order_history_table, order_line_table, order_table
from commerce.shared import clock
from commerce.shared.database import Row, Statement, insert_many
from commerce.shared.money import Money
from commerce.shared.unit_of_work import UnitOfWork

_o, _l, _h = order_table.c, order_line_table.c, order_history_table.c
_ADD = Statement(
    insert(order_table).values({each.name: bindparam(each.name) for each in order_table.columns})
)
_ADD_LINES = insert_many(order_line_table, *(each.name for each in order_line_table.columns))
_ADD_HISTORY = insert_many(
    order_history_table, *(each.name for each in order_history_table.columns)
)
_IDS = bindparam("ids", type_=ARRAY(Uuid))
_ONE = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)))
_LOCK = Statement(select(order_table).where(_o.id == bindparam("id", type_=Uuid)).with_for_update())
_LINES = Statement(
    select(order_line_table).where(_l.order_id == any_(_IDS)).order_by(_l.order_id, _l.position)
)
_HISTORY = Statement(
    select(order_history_table).where(_h.order_id == any_(_IDS)).order_by(_h.position)
)
_NEWEST = Statement(
    select(order_table)
    .where(
        _o.buyer_id == bindparam("buyer_id", type_=Uuid), _o.id < bindparam("before", type_=Uuid)
    )
    .order_by(_o.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)
_LOCK_NEXT_EXPIRED = Statement(
    select(order_table)
    .where(
        _o.status == text("'PENDING'"),  # as the partial index says it
        _o.expires_at <= bindparam("now", type_=DateTime(timezone=True)),
        tuple_(_o.expires_at, _o.id)
        > tuple_(
            bindparam("after_time", type_=DateTime(timezone=True)),
            bindparam("after_id", type_=Uuid),
        ),
    )
    .order_by(_o.expires_at, _o.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


def _save() -> Select[Any]:
    """Keep what became of the order that was read; where it is another by now, a rule is broken."""
    saved = (
        update(order_table)
        .where(
            _o.id == bindparam("order_id", type_=Uuid),
            _o.version == bindparam("version_read", type_=BigInteger),
        )
        .values(
            status=bindparam("new_status", type_=Text),
            version=bindparam("new_version", type_=BigInteger),
        )
        .returning(_o.id)
        .cte("saved")
    )
    return select(func.require(func.count() == 1, "order_as_read")).select_from(saved)


_SAVE = Statement(_save)


class OrderRepository(Protocol):
    """Where orders are kept."""

    def add(self, order: Order) -> None:
        """Keep a new order, and tell its events."""

    def find(self, id_: UUID) -> Order | None:
        """An order with its lines and history."""

    def lock(self, id_: UUID) -> Order | None:
        """The same, locked until the transaction ends."""

    def save(self, order: Order) -> None:
        """Keep the one step that a locked order has taken, and tell its events."""

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        """The first PENDING order whose time was over, by time and id, that nobody has locked.

        Locked until the transaction ends, without history.
        """

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        """A buyer's orders older than `before`, newest first, with their lines."""


class SqlOrderRepository:
    """The orders of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, order: Order) -> None:
        self._uow.write(
            _ADD(
                id=order.id,
                buyer_id=order.buyer_id,
                status=order.status.value,
                payment_method=order.payment_method.value,
                currency=order.total.currency,
                total_amount=order.total.amount,
                discount_amount=order.discount.amount,
                issued_coupon_id=order.issued_coupon_id,
                points_used_amount=order.points_used.amount,
                placed_at=order.placed_at,
                expires_at=order.expires_at,
                version=order.version,
            )
        )
        self._uow.write(_ADD_LINES(rows=_line_rows(order)))
        self._uow.write(_ADD_HISTORY(rows=_history_rows(order)))
        self._tell(order)

    def find(self, id_: UUID) -> Order | None:
        found, lines, history = self._uow.read_together(
            _ONE(id=id_), _LINES(ids=[id_]), _HISTORY(ids=[id_])
        )
        return _order(found[0], lines, history) if found else None

    def lock(self, id_: UUID) -> Order | None:
        found, lines, history = self._uow.lock_together(
            _LOCK(id=id_), _LINES(ids=[id_]), _HISTORY(ids=[id_])
        )
        return _order(found[0], lines, history) if found else None

    def save(self, order: Order) -> None:
        self._uow.write(
            _SAVE(
                order_id=order.id,
                new_status=order.status.value,
                new_version=order.version,
                version_read=order.version - len(order.events),
            ),
            refusals={"order_as_read": lambda: None},  # nobody saves without the lock: do it again
        )
        self._uow.write(_ADD_HISTORY(rows=_history_rows(order)[-1:]))
        self._tell(order)

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        after_time, after_id = after or _BEFORE_ALL
        found = self._uow.lock(
            _LOCK_NEXT_EXPIRED(now=now, after_time=after_time, after_id=after_id)
        )
        if not found:
            return None
        return _order(found[0], self._uow.read(_LINES(ids=[found[0].id])))

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        found = self._uow.read(_NEWEST(buyer_id=buyer_id, before=before, limit=limit))
        lines = self._uow.read(_LINES(ids=[row.id for row in found])) if found else []
        return [_order(row, [line for line in lines if line.order_id == row.id]) for row in found]

    def _tell(self, order: Order) -> None:
        for event in order.events:
            self._uow.record(event)


def _line_rows(order: Order) -> list[dict[str, object]]:
    return [
        {
            "order_id": str(order.id),
            "position": position,
            "product_id": str(line.product_id),
            "product_name": line.product_name,
            "brand_id": str(line.brand_id),
            "brand_name": line.brand_name,
            "unit_price_amount": line.unit_price.amount,
            "quantity": line.quantity,
            "discount_amount": line.discount.amount,
        }
        for position, line in enumerate(order.lines)
    ]


def _history_rows(order: Order) -> list[dict[str, object]]:
    return [
        {
            "order_id": str(order.id),
            "position": position,
            "status": step.status.value,
            "at": clock.rfc3339(step.at),
            "by": step.by,
            "reason": step.reason,
        }
        for position, step in enumerate(order.history)
    ]


def _order(row: Row, lines: Collection[Row], history: Collection[Row] = ()) -> Order:
    return Order(
        id=row.id,
        buyer_id=row.buyer_id,
        status=Status(row.status),
        payment_method=PaymentMethod(row.payment_method),
        lines=tuple(
            OrderLine(
                product_id=line.product_id,
                product_name=line.product_name,
                brand_id=line.brand_id,
                brand_name=line.brand_name,
                unit_price=Money(line.unit_price_amount, row.currency),
                quantity=line.quantity,
                discount=Money(line.discount_amount, row.currency),
            )
            for line in lines
        ),
        discount=Money(row.discount_amount, row.currency),
        issued_coupon_id=row.issued_coupon_id,
        points_used=Money(row.points_used_amount, row.currency),
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        version=row.version,
        history=[Step(Status(step.status), step.at, step.by, step.reason) for step in history],
    )
