"""The use cases of the order context."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from commerce.order.commands import (
    CancelAnyOrder,
    CancelOrder,
    PlaceOrder,
    ReceiveReturn,
    RefundOrder,
    RejectReturn,
    RequestReturn,
    ShipOrder,
)
from commerce.order.errors import (
    AddressRequired,
    NotYourOrder,
    NotYourReturn,
    OrderNotCancellable,
    OrderNotFound,
    PriceChanged,
    ReturnNotFound,
    TooManyUnpaidOrders,
)
from commerce.order.limits import HoldLimits, LimitedPurchase, cooling_down, exceeded
from commerce.order.model import (
    BY_BUYER,
    AmountDue,
    Discount,
    Order,
    OrderLine,
    Status,
    Tracking,
    cost_of,
)
from commerce.order.repository import OrderRepository
from commerce.order.returns import return_window
from commerce.order.views import (
    OrderDetailView,
    OrderView,
    ReturnView,
    detail_view,
    order_view,
    return_view,
)
from commerce.runtime import settings
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared.errors import CommerceError
from commerce.shared.money import Money
from commerce.shared.pagination import newest_first
from commerce.shared.postal import PostalAddress, ShipTo
from commerce.shared.schemas import Page


class OrderFacade:
    """Orders are placed, read and cancelled by their buyers; staff ship and deliver them."""

    def __init__(self, orders: OrderRepository) -> None:
        self._orders = orders

    def new(
        self,
        command: PlaceOrder,
        lines: Sequence[OrderLine],
        *,
        buyer_id: UUID,
        discount: Discount | None,
        payable_for: timedelta,
        payable_until: datetime | None = None,
        ship_to: PostalAddress | None = None,
    ) -> Order:
        """Make an order that is not stored yet; it can be paid for so long, or until then.

        Raises AddressRequired, PriceChanged, PointsExceedTotal, OrderTooLarge.
        """
        if ship_to is None and settings.text("REQUIRE_ADDRESS", "false") == "true":
            raise AddressRequired
        cost = cost_of(lines, discount)
        if command.expected_total is not None and command.expected_total.money != cost:
            raise PriceChanged(cost)
        id_, now = clock.new_id(), clock.now()
        if command.payment_method == "POINT":
            order = Order.paid_by_points(
                id_=id_, buyer_id=buyer_id, lines=lines, at=now, discount=discount
            )
        else:
            order = Order.awaiting_card(
                id_=id_,
                buyer_id=buyer_id,
                lines=lines,
                points=Money(command.points or 0),
                at=now,
                expires_at=payable_until or now + payable_for,
                discount=discount,
            )
        order.drop_entry_id = UUID(command.drop_entry_id) if command.drop_entry_id else None
        order.ship_to = ship_to
        return order

    def add(self, order: Order, *, limits: Mapping[UUID, int]) -> None:
        """Store a new order with its events, if its buyer stays within the limits.

        `limits` has the units that one buyer may have of a product. Proved by the database on
        commit, which raises PurchaseLimitExceeded, TooManyUnpaidOrders or HoldCooldown.
        """
        purchases = [
            LimitedPurchase(line.product_id, line.quantity, limits[line.product_id])
            for line in order.lines
            if line.product_id in limits
        ]
        if purchases:
            self._require_purchase_limits(order.buyer_id, purchases)
        if order.status is Status.PENDING:
            self._require_may_hold(order)
        self._orders.add(order)

    def cancel(self, order_id: str, command: CancelOrder, *, buyer_id: UUID, by: str) -> Order:
        """Cancel one of the buyer's orders, or a part; the caller returns what it took.

        Raises OrderNotFound, NotYourOrder, OrderNotCancellable, NothingLeft.
        """
        order = _of_buyer(self._lock(order_id), buyer_id)
        return self._cancelled(order, command, by=by, reason=command.reason or BY_BUYER)

    def cancel_as_admin(self, order_id: str, command: CancelAnyOrder, *, by: str) -> Order:
        """Cancel anybody's order, also a shipped one, or a part; the caller returns what it took.

        Raises OrderNotFound, OrderNotCancellable (also where the status is another one than was
        expected), NothingLeft.
        """
        order, reason = self._lock(order_id), command.reason or "Cancelled by an admin"
        if command.expected_status not in (None, order.status):
            raise OrderNotCancellable(order.status)
        return self._cancelled(order, command, by=by, reason=reason, as_admin=True)

    def cancel_declined(self, order_id: UUID) -> Order:
        """Cancel an unpaid order whose last try was declined; the caller returns what it took.

        Raises OrderNotFound, OrderNotCancellable.
        """
        order = self._lock(str(order_id))
        if order.status is not Status.PENDING:
            raise OrderNotCancellable(order.status)
        order.cancel(at=clock.now(), by="system", reason="The last try was declined")
        return self._saved(order)

    def expire(self, order_id: str) -> Order:
        """Cancel an order that was not paid in time; the caller returns what it took.

        Raises OrderNotFound, OrderNotExpirable.
        """
        order = self._lock(order_id)
        order.expire(at=clock.now())
        return self._saved(order)

    def change_address(self, order_id: str, command: ShipTo, *, buyer_id: UUID) -> OrderView:
        """Have one of the buyer's orders sent elsewhere, until it is shipped.

        The same address again changes nothing.

        Raises OrderNotFound, NotYourOrder, OrderNotEditable.
        """
        order = _of_buyer(self._lock(order_id), buyer_id)
        order.change_address(command.address, at=clock.now())
        self._orders.save_address(order)
        return order_view(order)

    def ship(self, order_id: str, command: ShipOrder, *, by: str) -> Order:
        """Mark an order as shipped; the caller takes its units out of stock.

        Raises OrderNotFound, OrderNotShippable.
        """
        order = self._lock(order_id)
        tracking = Tracking(command.carrier, command.tracking_number)
        order.ship(tracking, at=clock.now(), by=by, reason="Handed over for delivery")
        return self._saved(order)

    def deliver(self, order_id: str, *, by: str) -> OrderView:
        """Mark an order as delivered. Raises OrderNotFound, OrderNotDeliverable."""
        order = self._lock(order_id)
        order.deliver(at=clock.now(), by=by, reason="Received by its buyer")
        return order_view(self._saved(order))

    def request_return(
        self, order_id: str, command: RequestReturn, *, buyer_id: UUID, by: str
    ) -> ReturnView:
        """Let units of one of the buyer's delivered orders go back.

        Raises OrderNotFound, NotYourOrder, ReturnNotPossible.
        """
        order, id_ = _of_buyer(self._lock(order_id), buyer_id), clock.new_id()
        order.request_return(id_, command.units, within=return_window(), at=clock.now(), by=by)
        return return_view(self._saved(order), order.find_return(id_))

    def get_return(self, return_id: str, *, buyer_id: UUID) -> ReturnView:
        """Return one of the buyer's returns. Raises ReturnNotFound, NotYourReturn."""
        order_id, id_ = self._order_of_return(return_id)
        order = _of_buyer(self._find(str(order_id)), buyer_id, NotYourReturn)
        return return_view(order, order.find_return(id_))

    def withdraw_return(self, return_id: str, *, buyer_id: UUID, by: str) -> ReturnView:
        """End one of the buyer's returns, who keeps the units.

        Raises ReturnNotFound, NotYourReturn, ReturnNotPossible.
        """
        order, id_ = self._lock_return(return_id)
        _of_buyer(order, buyer_id, NotYourReturn).withdraw_return(id_, at=clock.now(), by=by)
        return return_view(self._saved(order), order.find_return(id_))

    def reject_return(self, return_id: str, command: RejectReturn, *, by: str) -> ReturnView:
        """Refuse a return. Raises ReturnNotFound, ReturnNotPossible."""
        order, id_ = self._lock_return(return_id)
        order.reject_return(id_, at=clock.now(), by=by, reason=command.reason)
        return return_view(self._saved(order), order.find_return(id_))

    def receive_return(self, return_id: str, command: ReceiveReturn, *, by: str) -> Order:
        """Take units back; the caller refunds what was paid for them, and restocks them.

        Raises ReturnNotFound, ReturnNotPossible.
        """
        order, id_ = self._lock_return(return_id)
        order.receive_return(id_, command.units, at=clock.now(), by=by)
        return self._saved(order)

    def refund_by_staff(self, order_id: str, command: RefundOrder, *, by: str) -> Order:
        """Refund a part of what was paid for an order, which the caller gives back.

        Raises OrderNotFound, RefundExceedsPaid.
        """
        order = self._lock(order_id)
        before = {"refunded": order.refunded}
        order.refund_by_staff(command.money, at=clock.now(), by=by, reason=command.reason)
        after = {"refunded": order.refunded, "reason": command.reason}
        self._orders.record(Change(by, "REFUND_ORDER", order.id, before, after))
        return self._saved(order)

    def reads_of_order(self, id_: UUID) -> Sequence[Query]:
        """Return what `get` will read."""
        return self._orders.reads_of_one(id_)

    def get(self, order_id: str, *, buyer_id: UUID) -> OrderDetailView:
        """Return one of the buyer's orders. Raises OrderNotFound, NotYourOrder."""
        return detail_view(_of_buyer(self._find(order_id), buyer_id))

    def to_deliver(self, order_id: UUID) -> Order:
        """Return an order as it is now, for the delivery system. Raises OrderNotFound."""
        return _found(self._orders.find(order_id))

    def get_for_staff(self, order_id: str) -> tuple[UUID, OrderDetailView]:
        """Return any order after the id of its buyer. Raises OrderNotFound."""
        order = self._find(order_id)
        return order.buyer_id, detail_view(order)

    def list(self, *, buyer_id: UUID, limit: int, after: str | None) -> Page[OrderView]:
        """Return a page of the buyer's orders, newest first. Raises InvalidCursor."""
        read = partial(self._orders.newest_of, buyer_id)
        return newest_first(f"orders:{buyer_id}", after, limit, read, order_view)

    def details(self, *, buyer_id: UUID, limit: int, after: str | None) -> Page[OrderDetailView]:
        """Return a page of the buyer's orders with their history. Raises InvalidCursor."""
        read = partial(self._orders.newest_of, buyer_id)
        return newest_first(f"orders:{buyer_id}", after, limit, read, detail_view)

    def open_of(self, buyer_id: UUID) -> Sequence[UUID]:
        """Return the buyer's orders that have not ended, or of which units are to come back."""
        return self._orders.open_of(buyer_id)

    def erase_user(self, buyer_id: UUID) -> None:
        """Forget what the buyer wrote and where their orders went; the orders stay.

        They are ended, under the id that nobody has now.
        """
        self._orders.forget_reasons(buyer_id, BY_BUYER)
        self._orders.forget_addresses(buyer_id)

    def locks_of_order(self, order_id: UUID) -> Sequence[Query]:
        """Return what `due` and `awaits_payment` will lock."""
        return self._orders.locks_of_one(order_id)

    def due(self, order_id: str, *, buyer_id: UUID) -> AmountDue:
        """Return what the buyer must pay by card, and lock the order until the transaction ends.

        Raises OrderNotFound, NotYourOrder, OrderNotPayable.
        """
        return _of_buyer(self._lock(order_id), buyer_id).due(at=clock.now())

    def awaits_payment(self, order_id: UUID) -> bool:
        """Return whether the order is still to be paid, and lock it until the transaction ends."""
        order = self._orders.lock(order_id)
        return order is not None and order.status is Status.PENDING

    def mark_paid(self, order_id: UUID, amount: Money) -> OrderView:
        """Confirm a PENDING order whose card was charged this amount; leave any other as it is."""
        order = self._lock(str(order_id))
        if order.status is not Status.PENDING or order.card_amount != amount:
            return order_view(order)
        order.confirm(at=clock.now(), by="system", reason="Paid by card")
        return order_view(self._saved(order))

    def lock_next_expired(self, after: tuple[datetime, UUID] | None) -> OrderView | None:
        """Lock the next order, by time and id, that was not paid in time and is not locked."""
        order = self._orders.lock_next_expired(clock.now(), after)
        return order_view(order) if order else None

    def _require_purchase_limits(
        self, buyer_id: UUID, purchases: Sequence[LimitedPurchase]
    ) -> None:
        ids = [each.product_id for each in purchases]
        self._orders.require_purchase_limits(
            buyer_id,
            purchases,
            on_exceeded=lambda: exceeded(purchases, self._orders.units_of(buyer_id, ids)),
        )

    def _require_may_hold(self, order: Order) -> None:
        limits, buyer_id, at = HoldLimits.from_settings(), order.buyer_id, order.placed_at

        def too_many() -> TooManyUnpaidOrders | None:
            is_over = self._orders.count_unpaid(buyer_id) >= limits.unpaid_orders
            return TooManyUnpaidOrders(limits.unpaid_orders) if is_over else None

        self._orders.require_may_hold(
            buyer_id,
            limits,
            at,
            on_too_many=too_many,
            on_cooldown=lambda: cooling_down(
                self._orders.last_lapse(buyer_id, limits.lapses, at), at=at
            ),
        )

    def _cancelled(
        self, order: Order, command: CancelOrder, *, by: str, reason: str, as_admin: bool = False
    ) -> Order:
        units = command.units or {str(line.product_id): line.quantity_left for line in order.lines}
        order.cancel_units(units, at=clock.now(), by=by, reason=reason, as_admin=as_admin)
        return self._saved(order)

    def _find(self, order_id: str) -> Order:
        id_ = cursor.parse_id(order_id)
        return _found(self._orders.find(id_) if id_ else None)

    def _lock(self, order_id: str) -> Order:
        id_ = cursor.parse_id(order_id)
        return _found(self._orders.lock(id_) if id_ else None)

    def _order_of_return(self, return_id: str) -> tuple[UUID, UUID]:
        id_ = cursor.parse_id(return_id)
        order_id = self._orders.order_of_return(id_) if id_ else None
        if id_ is None or order_id is None:
            raise ReturnNotFound
        return order_id, id_

    def _lock_return(self, return_id: str) -> tuple[Order, UUID]:
        order_id, id_ = self._order_of_return(return_id)
        return self._lock(str(order_id)), id_

    def _saved(self, order: Order) -> Order:
        self._orders.save(order)
        return order


def _found(order: Order | None) -> Order:
    if order is None:
        raise OrderNotFound
    return order


def _of_buyer(order: Order, buyer_id: UUID, refusal: type[CommerceError] = NotYourOrder) -> Order:
    if order.buyer_id != buyer_id:
        raise refusal
    return order
