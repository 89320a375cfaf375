"""Orders in PostgreSQL."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.order.limits import COOLDOWN, HoldLimits, LimitedPurchase
from commerce.order.model import (
    NOTHING_FOR_THE_CARD,
    PAID_BY_POINTS,
    Order,
    OrderHistoryEntry,
    OrderLine,
    OrderRefund,
    PaymentMethod,
    RefundKind,
    Status,
    Tracking,
)
from commerce.order.returns import Return, ReturnLine, ReturnStatus
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from commerce.shared.postal import PostalAddress

if TYPE_CHECKING:
    from commerce.order import statements as sql
else:
    sql = precompiled("commerce.order.statements")

_LAPSES_WITHIN = timedelta(days=1)
"""Lapses of orders placed longer ago are not looked for: no order is held for so long."""

_BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


class OrderRepository(Protocol):
    """Stores orders with their lines, history, refunds, returns and events."""

    def add(self, order: Order) -> None:
        """Store a new order."""

    def reads_of_one(self, id_: UUID) -> Sequence[Query]:
        """Return what `find` will read."""

    def find(self, id_: UUID) -> Order | None:
        """Return an order with all its parts."""

    def locks_of_one(self, id_: UUID) -> Sequence[Query]:
        """Return what `lock` will lock and read."""

    def lock(self, id_: UUID) -> Order | None:
        """Return an order with all its parts, locked FOR UPDATE."""

    def order_of_return(self, return_id: UUID) -> UUID | None:
        """Return the id of the order whose units a return is of."""

    def save(self, order: Order) -> None:
        """Store the one change of a locked order: its status, units, refund and return."""

    def record(self, change: Change) -> None:
        """Record in the audit what staff have changed."""

    def save_address(self, order: Order) -> None:
        """Store the other address of a locked order, if it has changed."""

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        """Lock the first PENDING order, by time and id, whose time is over and which is not locked.

        It comes without history. `after` is the time and id of the order before it.
        """

    def require_purchase_limits(
        self, buyer_id: UUID, purchases: Sequence[LimitedPurchase], *, on_exceeded: ErrorFactory
    ) -> None:
        """Prove with the commit that the buyer has no more of each product than its limit."""

    def require_may_hold(
        self,
        buyer_id: UUID,
        limits: HoldLimits,
        at: datetime,
        *,
        on_too_many: ErrorFactory,
        on_cooldown: ErrorFactory,
    ) -> None:
        """Prove with the commit that the buyer may have one more unpaid order."""

    def units_of(self, buyer_id: UUID, product_ids: Collection[UUID]) -> dict[UUID, int]:
        """Return the units of the products in all the buyer's orders that are not cancelled."""

    def count_unpaid(self, buyer_id: UUID) -> int:
        """Count the buyer's orders that are to be paid."""

    def last_lapse(self, buyer_id: UUID, lapses: int, at: datetime) -> datetime | None:
        """Return the newest lapse that is the last of so many within an hour."""

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        """Return a buyer's orders below the id `before`, newest first, with all their parts."""

    def open_of(self, buyer_id: UUID) -> list[UUID]:
        """Return the buyer's orders that are to be paid, shipped or delivered, oldest first."""

    def forget_reasons(self, buyer_id: UUID, replacement: str) -> None:
        """Replace the buyer's own words: the reasons of cancellations and returns."""

    def forget_addresses(self, buyer_id: UUID) -> None:
        """Remove the addresses of the buyer's orders."""


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
                ship_to=_plain(order.ship_to),
                carrier=order.tracking.carrier,
                tracking_number=order.tracking.number,
                delivery_version=order.delivery_version,
                delivery_changed_at=order.delivery_changed_at,
                card_refunded_amount=order.card_refunded.amount,
                points_refunded_amount=order.points_refunded.amount,
            )
        )
        self._uow.write(sql.ADD_LINES(rows=_line_rows(order)))
        self._uow.write(sql.ADD_HISTORY(rows=_history_rows(order)))
        self._uow.record(*order.events)

    def reads_of_one(self, id_: UUID) -> Sequence[Query]:
        return [sql.ONE(id=id_), *_parts([id_])]

    def find(self, id_: UUID) -> Order | None:
        found, *parts = self._uow.read_together(*self.reads_of_one(id_))
        return _order(found[0], *parts) if found else None

    def locks_of_one(self, id_: UUID) -> Sequence[Query]:
        return [sql.LOCK(id=id_), *_parts([id_])]

    def lock(self, id_: UUID) -> Order | None:
        found, *parts = self._uow.lock_together(*self.locks_of_one(id_))
        return _order(found[0], *parts) if found else None

    def order_of_return(self, return_id: UUID) -> UUID | None:
        found = self._uow.read(sql.ORDER_OF_RETURN(id=return_id))
        return found[0].order_id if found else None

    def record(self, change: Change) -> None:
        audit.record(self._uow, change)

    def save(self, order: Order) -> None:
        self._save(
            sql.SAVE,
            order,
            new_status=order.status.value,
            new_carrier=order.tracking.carrier,
            new_tracking_number=order.tracking.number,
            new_card_refunded_amount=order.card_refunded.amount,
            new_points_refunded_amount=order.points_refunded.amount,
            new_delivery_version=order.delivery_version,
            new_delivery_changed_at=order.delivery_changed_at,
        )
        self._uow.write(sql.ADD_HISTORY(rows=_history_rows(order)[-1:]))
        if order.freed and order.status is not Status.CANCELLED:
            self._uow.write(sql.SAVE_UNITS(order_id=order.id, units=_units(order)))
        if order.refund is not None:
            self._uow.write(sql.ADD_REFUND(**_refund_row(order.id, order.refund)))
        if order.changed_return is not None:
            self._save_return(order, order.changed_return)

    def _save_return(self, order: Order, changed: Return) -> None:
        if changed.is_open:  # it is never open again
            self._uow.write(sql.ADD_RETURN(**_return_row(order, changed)))
            self._uow.write(sql.ADD_RETURN_LINES(rows=_return_lines(changed)))
            return
        self._uow.write(
            sql.SAVE_RETURN(
                return_id=changed.id,
                new_status=changed.status.value,
                new_ended_at=changed.ended_at,
                new_rejection_reason=changed.rejection_reason,
                new_refund_id=changed.refund_id,
            )
        )
        if changed.status is ReturnStatus.RECEIVED:
            units = _return_lines(changed)
            self._uow.write(sql.SAVE_RETURN_LINES(return_id=changed.id, units=units))

    def save_address(self, order: Order) -> None:
        if order.events:
            self._save(
                sql.SAVE_ADDRESS,
                order,
                new_ship_to=_plain(order.ship_to),
                new_delivery_version=order.delivery_version,
                new_delivery_changed_at=order.delivery_changed_at,
            )

    def _save(self, statement: Callable[..., Query], order: Order, **values: Any) -> None:
        self._uow.write(
            statement(
                row_id=order.id,
                new_version=order.version,
                version_read=order.version - len(order.events),
                **values,
            ),
            on_violation={"order_as_read": lambda: None},  # cannot be violated under its lock
        )
        self._uow.record(*order.events)

    def lock_next_expired(self, now: datetime, after: tuple[datetime, UUID] | None) -> Order | None:
        after_time, after_id = after or _BEFORE_ALL
        found = self._uow.lock(
            sql.LOCK_NEXT_EXPIRED(now=now, after_time=after_time, after_id=after_id)
        )
        if not found:
            return None
        return _order(found[0], self._uow.read(sql.LINES(ids=[found[0].id])))

    def require_purchase_limits(
        self, buyer_id: UUID, purchases: Sequence[LimitedPurchase], *, on_exceeded: ErrorFactory
    ) -> None:
        wanted = [
            {"product_id": str(each.product_id), "requested": each.requested, "limit": each.limit}
            for each in purchases
        ]
        self._uow.write(sql.LOCK_BUYER(buyer=str(buyer_id)))
        self._uow.write(
            sql.WITHIN_PURCHASE_LIMITS(wanted=wanted, buyer_id=buyer_id),
            {"purchase_limit": on_exceeded},
        )

    def require_may_hold(
        self,
        buyer_id: UUID,
        limits: HoldLimits,
        at: datetime,
        *,
        on_too_many: ErrorFactory,
        on_cooldown: ErrorFactory,
    ) -> None:
        self._uow.write(sql.LOCK_BUYER(buyer=str(buyer_id)))
        self._uow.write(
            sql.MAY_HOLD(
                unpaid_orders=limits.unpaid_orders,
                since=at - COOLDOWN,
                **_lapses(buyer_id, limits.lapses, at),
            ),
            {"unpaid_order_limit": on_too_many, "no_hold_cooldown": on_cooldown},
        )

    def units_of(self, buyer_id: UUID, product_ids: Collection[UUID]) -> dict[UUID, int]:
        found = self._uow.read(sql.UNITS_OF_BUYER(buyer_id=buyer_id, ids=list(product_ids)))
        return {row.product_id: int(row.units) for row in found}

    def count_unpaid(self, buyer_id: UUID) -> int:
        return int(self._uow.read(sql.COUNT_UNPAID(buyer_id=buyer_id))[0].count)

    def last_lapse(self, buyer_id: UUID, lapses: int, at: datetime) -> datetime | None:
        [row] = self._uow.read(sql.LAST_LAPSE(**_lapses(buyer_id, lapses, at)))
        found: datetime | None = row.at
        return found

    def newest_of(self, buyer_id: UUID, before: UUID, limit: int) -> list[Order]:
        page = {"buyer_id": buyer_id, "before": before, "limit": limit}
        found, *parts = self._uow.read_snapshot(
            sql.NEWEST(**page),
            sql.LINES_OF_NEWEST(**page),
            sql.HISTORY_OF_NEWEST(**page),
            sql.REFUNDS_OF_NEWEST(**page),
            sql.RETURNS_OF_NEWEST(**page),
            sql.RETURN_LINES_OF_NEWEST(**page),
        )
        return [
            _order(row, *([each for each in part if each.order_id == row.id] for part in parts))
            for row in found
        ]

    def open_of(self, buyer_id: UUID) -> list[UUID]:
        return [row.id for row in self._uow.read(sql.OPEN(buyer_id=buyer_id))]

    def forget_reasons(self, buyer_id: UUID, replacement: str) -> None:
        self._uow.write(
            sql.FORGET_REASONS(
                buyer_id=buyer_id,
                words_of=f"user:{buyer_id}",
                not_words=[PAID_BY_POINTS, NOTHING_FOR_THE_CARD],
                new_reason=replacement,
            )
        )
        self._uow.write(sql.FORGET_RETURN_REASONS(buyer_id=buyer_id, new_reason=replacement))

    def forget_addresses(self, buyer_id: UUID) -> None:
        self._uow.write(sql.FORGET_ADDRESSES(buyer_id=buyer_id))


def _lapses(buyer_id: UUID, lapses: int, at: datetime) -> dict[str, Any]:
    recent_id = clock.first_id_at(at - _LAPSES_WITHIN)
    return {"buyer_id": buyer_id, "others": lapses - 1, "recent_id": recent_id}


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
            "cancelled_quantity": line.cancelled_quantity,
            "returned_quantity": line.returned_quantity,
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


def _parts(ids: list[UUID]) -> list[Query]:
    statements = (sql.LINES, sql.HISTORY, sql.REFUNDS, sql.RETURNS, sql.RETURN_LINES)
    return [statement(ids=ids) for statement in statements]


def _units(order: Order) -> list[dict[str, object]]:
    return [
        {
            "product_id": str(line.product_id),
            "cancelled_quantity": line.cancelled_quantity,
            "returned_quantity": line.returned_quantity,
        }
        for line in order.lines
    ]


def _refund_row(order_id: UUID, refund: OrderRefund) -> dict[str, object]:
    return {
        "id": refund.id,
        "order_id": order_id,
        "kind": refund.kind.value,
        "card_amount": refund.card.amount,
        "points_amount": refund.points.amount,
        "at": refund.at,
    }


def _return_row(order: Order, added: Return) -> dict[str, object]:
    return {
        "id": added.id,
        "order_id": order.id,
        "buyer_id": order.buyer_id,
        "status": added.status.value,
        "requested_at": added.requested_at,
        "ended_at": added.ended_at,
        "rejection_reason": added.rejection_reason,
        "refund_id": added.refund_id,
    }


def _return_lines(changed: Return) -> list[dict[str, object]]:
    return [
        {
            "return_id": str(changed.id),
            "position": position,
            "product_id": str(line.product_id),
            "product_name": line.product_name,
            "quantity": line.quantity,
            "reason": line.reason,
            "received_quantity": line.received_quantity,
            "restocked_quantity": line.restocked_quantity,
        }
        for position, line in enumerate(changed.lines)
    ]


def _plain(address: PostalAddress | None) -> dict[str, str | None] | None:
    return address.model_dump() if address else None


def _order(
    row: Row,
    lines: Collection[Row],
    history: Collection[Row] = (),
    refunds: Collection[Row] = (),
    returns: Collection[Row] = (),
    return_lines: Collection[Row] = (),
) -> Order:
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
                cancelled_quantity=line.cancelled_quantity,
                returned_quantity=line.returned_quantity,
            )
            for line in lines
        ),
        discount=Money(row.discount_amount, row.currency),
        issued_coupon_id=row.issued_coupon_id,
        points_used=Money(row.points_used_amount, row.currency),
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        drop_entry_id=row.drop_entry_id,
        ship_to=PostalAddress.model_validate(row.ship_to) if row.ship_to else None,
        tracking=Tracking(row.carrier, row.tracking_number),
        delivery_version=row.delivery_version,
        delivery_changed_at=row.delivery_changed_at,
        card_refunded=Money(row.card_refunded_amount, row.currency),
        points_refunded=Money(row.points_refunded_amount, row.currency),
        version=row.version,
        history=[
            OrderHistoryEntry(Status(entry.status), entry.at, entry.by, entry.reason)
            for entry in history
        ],
        refunds=[
            OrderRefund(
                each.id,
                RefundKind(each.kind),
                Money(each.card_amount, row.currency),
                Money(each.points_amount, row.currency),
                each.at,
            )
            for each in refunds
        ],
        returns=[
            _return(each, [line for line in return_lines if line.return_id == each.id])
            for each in returns
        ],
    )


def _return(row: Row, lines: Collection[Row]) -> Return:
    return Return(
        id=row.id,
        status=ReturnStatus(row.status),
        lines=tuple(
            ReturnLine(
                product_id=line.product_id,
                product_name=line.product_name,
                quantity=line.quantity,
                reason=line.reason,
                received_quantity=line.received_quantity,
                restocked_quantity=line.restocked_quantity,
            )
            for line in lines
        ),
        requested_at=row.requested_at,
        ended_at=row.ended_at,
        rejection_reason=row.rejection_reason,
        refund_id=row.refund_id,
    )
