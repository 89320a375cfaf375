"""The only door to the order context."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from commerce.coupon import CouponFacade, Quote
from commerce.order.commands import CancelOrder, PlaceOrder
from commerce.order.errors import NotYourOrder, OrderNotFound
from commerce.order.model import Discount, Due, Order, OrderLine, Status, total_of
from commerce.order.repository import OrderRepository
from commerce.order.views import OrderDetailView, OrderView, detail_view, order_view
from commerce.point import PointFacade
from commerce.product import Offer, ProductFacade
from commerce.shared import clock, cursor
from commerce.shared.money import Money
from commerce.shared.shapes import Page

_NEWEST = UUID(int=2**128 - 1)
PAYABLE_FOR = timedelta(minutes=15)  # SPEC §4


class OrderFacade:
    """Orders are placed, read and cancelled by their buyers; admins bring them to their end."""

    def __init__(
        self,
        orders: OrderRepository,
        products: ProductFacade,
        points: PointFacade,
        coupons: CouponFacade,
        *,
        payable_for: timedelta = PAYABLE_FOR,
    ) -> None:
        self._orders = orders
        self._products = products
        self._points = points
        self._coupons = coupons
        self._payable_for = payable_for

    def place(self, command: PlaceOrder, *, buyer_id: UUID) -> OrderView:
        """Take stock, coupon and points, all in one transaction, or nothing.

        Paid by points it is confirmed at once; by card it waits, for `payable_for` at most.
        Raises ProductNotFound (all missing ids), CouponNotUsable, OutOfStock (every failing line),
        InsufficientPoints, PointsExceedTotal, OrderTooLarge.
        """
        offers = self._products.offers([line.product_id for line in command.lines])
        wanted = [(offers[UUID(line.product_id)], line.quantity) for line in command.lines]
        lines = [_line(offer, quantity) for offer, quantity in wanted]
        coupon = self._quote(command, buyer_id, lines)
        order = self._new(command, buyer_id, lines, coupon)
        self._products.sell(
            [(offer.product_id, quantity) for offer, quantity in wanted], offers, order.id
        )
        self._orders.add(order)
        if coupon is not None:
            self._coupons.use(coupon, order.id)
        self._points.spend(buyer_id, order.points_used, order.id)
        return order_view(order)

    def cancel(self, order_id: str, command: CancelOrder, *, buyer_id: UUID, by: str) -> OrderView:
        """The buyer calls it off; what it took goes back in the same transaction.

        Raises OrderNotFound, NotYourOrder, OrderNotCancellable.
        """
        order = _of_buyer(self._lock(order_id), buyer_id)
        order.cancel(at=clock.now(), by=by, reason=command.reason or "Cancelled by its buyer")
        return self._undo(order)

    def cancel_as_admin(self, order_id: str, command: CancelOrder, *, by: str) -> OrderView:
        """The same for anybody's order, also when it is shipped.

        Raises OrderNotFound, OrderNotCancellable.
        """
        order = self._lock(order_id)
        reason = command.reason or "Cancelled by an admin"
        order.cancel(at=clock.now(), by=by, reason=reason, as_admin=True)
        return self._undo(order)

    def expire(self, order_id: str) -> OrderView:
        """Nobody paid in time: the same as cancelling. Raises OrderNotFound, OrderNotExpirable."""
        order = self._lock(order_id)
        order.expire(at=clock.now())
        return self._undo(order)

    def ship(self, order_id: str, *, by: str) -> OrderView:
        """The goods have left. Raises OrderNotFound, OrderNotShippable."""
        order = self._lock(order_id)
        order.ship(at=clock.now(), by=by, reason="Handed over for delivery")
        return self._keep(order)

    def deliver(self, order_id: str, *, by: str) -> OrderView:
        """The goods have arrived. Raises OrderNotFound, OrderNotDeliverable."""
        order = self._lock(order_id)
        order.deliver(at=clock.now(), by=by, reason="Received by its buyer")
        return self._keep(order)

    def get(self, order_id: str, *, buyer_id: UUID) -> OrderDetailView:
        """One of the buyer's orders. Raises OrderNotFound, NotYourOrder."""
        found = cursor.parse_id(order_id)
        order = self._orders.find(found) if found else None
        return detail_view(_of_buyer(_found(order), buyer_id))

    def get_anybodys(self, order_id: str) -> tuple[UUID, OrderDetailView]:
        """An order and its buyer, for operators. Raises OrderNotFound."""
        id_ = cursor.parse_id(order_id)
        order = _found(self._orders.find(id_) if id_ else None)
        return order.buyer_id, detail_view(order)

    def list(self, *, buyer_id: UUID, limit: int, after: str | None) -> Page[OrderView]:
        """The buyer's orders, newest first. Raises InvalidCursor."""
        listing = f"orders:{buyer_id}"
        before = cursor.decode(listing, after, [UUID])[0] if after else _NEWEST
        found = self._orders.newest_of(buyer_id, UUID(str(before)), limit + 1)
        more = cursor.encode(listing, [str(found[limit - 1].id)]) if len(found) > limit else None
        return Page(items=[order_view(order) for order in found[:limit]], next_cursor=more)

    def _quote(
        self, command: PlaceOrder, buyer_id: UUID, lines: Sequence[OrderLine]
    ) -> Quote | None:
        if command.issued_coupon_id is None:
            return None
        return self._coupons.quote(
            command.issued_coupon_id, user_id=buyer_id, total=total_of(lines)
        )

    def due(self, order_id: str, *, buyer_id: UUID) -> Due:
        """What the buyer has to pay by card; the order is locked until the transaction ends.

        Raises OrderNotFound, NotYourOrder, OrderNotPayable.
        """
        return _of_buyer(self._lock(order_id), buyer_id).due(at=clock.now())

    def awaits_payment(self, order_id: UUID) -> bool:
        """Whether the order, locked until the transaction ends, is still to be paid."""
        order = self._orders.lock(order_id)
        return order is not None and order.status is Status.PENDING

    def mark_paid(self, order_id: UUID, amount: Money) -> OrderView:
        """Its card was charged: it is confirmed, unless it is no longer PENDING: then as it is."""
        order = self._lock(str(order_id))
        if order.status is not Status.PENDING or order.card_amount != amount:
            return order_view(order)
        order.confirm(at=clock.now(), by="system", reason="Paid by card")
        return self._keep(order)

    def mark_unpaid(self, order_id: UUID, reason: str) -> OrderView:
        """Its card was declined: what it took goes back; as it is where it is not PENDING."""
        order = self._lock(str(order_id))
        if order.status is not Status.PENDING:
            return order_view(order)
        order.cancel(at=clock.now(), by="system", reason=f"The card was declined: {reason}")
        return self._undo(order)

    def lock_next_expired(self, after: tuple[datetime, UUID] | None) -> OrderView | None:
        """The next order, by time and id, that was not paid in time, and nobody else holds."""
        order = self._orders.lock_next_expired(clock.now(), after)
        return order_view(order) if order else None

    def _new(
        self,
        command: PlaceOrder,
        buyer_id: UUID,
        lines: Sequence[OrderLine],
        coupon: Quote | None,
    ) -> Order:
        id_, now = clock.new_id(), clock.now()
        discount = Discount(coupon.issued_coupon_id, coupon.discount) if coupon else None
        if command.payment_method == "POINT":
            return Order.paid_by_points(
                id_=id_, buyer_id=buyer_id, lines=lines, at=now, discount=discount
            )
        return Order.awaiting_card(
            id_=id_,
            buyer_id=buyer_id,
            lines=lines,
            points=Money(command.points or 0),
            at=now,
            expires_at=now + self._payable_for,
            discount=discount,
        )

    def _lock(self, order_id: str) -> Order:
        """Whatever an order goes through starts with its lock: first come, first served."""
        id_ = cursor.parse_id(order_id)
        return _found(self._orders.lock(id_) if id_ else None)

    def _keep(self, order: Order) -> OrderView:
        self._orders.save(order)
        return order_view(order)

    def _undo(self, order: Order) -> OrderView:
        """Give back what placing took; only the transaction that cancels an order comes here."""
        self._orders.save(order)
        if order.issued_coupon_id is not None:
            self._coupons.give_back(order.issued_coupon_id, order.id)
        self._points.give_back(order.buyer_id, order.points_used, order.id)
        self._products.take_back(
            [(line.product_id, line.quantity) for line in order.lines], order.id
        )
        return order_view(order)


def _found(order: Order | None) -> Order:
    if order is None:
        raise OrderNotFound
    return order


def _of_buyer(order: Order, buyer_id: UUID) -> Order:
    if order.buyer_id != buyer_id:
        raise NotYourOrder
    return order


def _line(offer: Offer, quantity: int) -> OrderLine:
    return OrderLine(
        product_id=offer.product_id,
        product_name=offer.name,
        brand_id=offer.brand_id,
        brand_name=offer.brand_name,
        unit_price=offer.price,
        quantity=quantity,
    )
