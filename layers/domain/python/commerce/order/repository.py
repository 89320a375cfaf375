"""Orders in PostgreSQL."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.order.model import Order, OrderHistoryEntry, OrderLine, PaymentMethod, Status
from commerce.runtime.db.pipeline import Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money

if TYPE_CHECKING:
    from commerce.order import statements as sql
else:
    sql = precompiled("commerce.order.statements")

_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class OrderRepository(Protocol):
    """Stores orders with their lines, history and events."""

    def add(self, order: Order) -> None:
        """Store a new order."""

    def find(self, id_: UUID) -> Order | None:
        """Return an order with its lines and history."""

    def lock(self, id_: UUID) -> Order | None:
        """Return an order with its lines and history, locked FOR UPDATE."""

    def save(self, order: Order) -> None:
        """Store the one change of status that a locked order has made."""

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        """Lock the first PENDING order, by time and id, whose time is over and which is not locked.

        It comes without history. `after` is the time and id of the order before it.
        """

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        """Return a buyer's orders below the id `before`, newest first, without history."""


class SqlOrderRepository:
    """An OrderRepository on a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, order: Order) -> None:
        self._uow.write(
            sql.ADD(
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
                drop_entry_id=order.drop_entry_id,
                version=order.version,
            )
        )
        self._uow.write(sql.ADD_LINES(rows=_line_rows(order)))
        self._uow.write(sql.ADD_HISTORY(rows=_history_rows(order)))
        self._uow.record(*order.events)

    def find(self, id_: UUID) -> Order | None:
        found, lines, history = self._uow.read_together(
            sql.ONE(id=id_), sql.LINES(ids=[id_]), sql.HISTORY(ids=[id_])
        )
        return _order(found[0], lines, history) if found else None

    def lock(self, id_: UUID) -> Order | None:
        found, lines, history = self._uow.lock_together(
            sql.LOCK(id=id_), sql.LINES(ids=[id_]), sql.HISTORY(ids=[id_])
        )
        return _order(found[0], lines, history) if found else None

    def save(self, order: Order) -> None:
        self._uow.write(
            sql.SAVE(
                row_id=order.id,
                new_status=order.status.value,
                new_version=order.version,
                version_read=order.version - len(order.events),
            ),
            on_violation={"order_as_read": lambda: None},  # cannot be violated under its lock
        )
        self._uow.write(sql.ADD_HISTORY(rows=_history_rows(order)[-1:]))
        self._uow.record(*order.events)

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        after_time, after_id = after or _BEFORE_ALL
        found = self._uow.lock(
            sql.LOCK_NEXT_EXPIRED(now=now, after_time=after_time, after_id=after_id)
        )
        if not found:
            return None
        return _order(found[0], self._uow.read(sql.LINES(ids=[found[0].id])))

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        found = self._uow.read(sql.NEWEST(buyer_id=buyer_id, before=before, limit=limit))
        lines = self._uow.read(sql.LINES(ids=[row.id for row in found])) if found else []
        return [_order(row, [line for line in lines if line.order_id == row.id]) for row in found]


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
            "status": entry.status.value,
            "at": clock.rfc3339(entry.at),
            "by": entry.by,
            "reason": entry.reason,
        }
        for position, entry in enumerate(order.history)
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
        drop_entry_id=row.drop_entry_id,
        version=row.version,
        history=[
            OrderHistoryEntry(Status(entry.status), entry.at, entry.by, entry.reason)
            for entry in history
        ],
    )
