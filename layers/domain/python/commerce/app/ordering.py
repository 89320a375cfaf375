"""Ordering: placing an order takes stock, coupon and points; cancelling it returns them."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from uuid import UUID

from commerce.app.shop import Shop
from commerce.coupon import CouponNotUsable, Quote
from commerce.drop import NotTheOffer
from commerce.drop import Offer as DropOffer
from commerce.order import (
    PAYABLE_MINUTES,
    CancelAnyOrder,
    CancelOrder,
    DeliverOrder,
    Discount,
    Order,
    OrderLine,
    OrderView,
    PlaceOrder,
    RefundKind,
    ShipOrder,
    order_view,
    total_of,
)
from commerce.payment import RefundReason
from commerce.product import Offer
from commerce.runtime import audit, settings
from commerce.runtime.audit import Change
from commerce.shared import cursor
from commerce.shared.errors import CommerceError
from commerce.shared.postal import PostalAddress

SYSTEM = "system"
"""The actor of expiries, and of cancellations of orders whose card was declined."""
_REASONS = {
    RefundKind.CANCELLATION: RefundReason.LINES_CANCELLED,
    RefundKind.RETURN: RefundReason.LINES_RETURNED,
    RefundKind.MANUAL: RefundReason.REFUNDED_BY_STAFF,
}


def place_order(shop: Shop, command: PlaceOrder, *, buyer_id: UUID) -> OrderView:
    """Place an order: take stock, coupon and points in one transaction, or nothing.

    An order paid by points is CONFIRMED at once, one paid by card is PENDING until it is paid or
    expires. The order is decided on the rows read here; the write set, sent on commit, makes the
    database check that these still hold.

    Raises:
        ProductNotFound: with all ids that are missing or hidden.
        NotOnSale: with every line that is not sold now.
        OutOfStock: with every line that cannot be served.
        PurchaseLimitExceeded: with every product of which the buyer may not have so many.
        TooManyUnpaidOrders, HoldCooldown: for an order that waits for its card.
        AddressRequired: without an address, where the shop needs one.
        AddressNotFound: there is none with this `address_id` in the buyer's address book.
        PriceChanged: it costs another amount than `expected_total`.
        CouponNotUsable, InsufficientPoints, PointsExceedTotal, OrderTooLarge.
        DropOnly: a drop alone sells a line's product.
        EntryNotFound, NotYourEntry, OfferNotValid, NotTheOffer: of a drop's offer.
    """
    _read_ahead(shop, command, buyer_id)
    offer = _drop_offer(shop, command, buyer_id)
    offers = shop.products.offers([line.product_id for line in command.lines])
    lines = _lines(command, offers, shop.brand_names.of(_product_ids(command)))
    coupon = _quote(shop, command, lines, buyer_id)
    order = shop.orders.new(
        command,
        lines,
        buyer_id=buyer_id,
        discount=Discount(coupon.issued_coupon_id, coupon.discount) if coupon else None,
        payable_for=_hold(offers.values()),
        payable_until=offer.claim_until if offer else None,
        ship_to=_ship_to(shop, command, buyer_id),
    )
    if offer is not None:
        shop.drops.use(offer, order.id, is_paid=order.status == "CONFIRMED")
    else:
        _sell(shop, order, offers)
    shop.orders.add(order, limits=_purchase_limits(offers.values()))
    if coupon is not None:
        shop.coupons.use(coupon, order.id)
    shop.points.spend(buyer_id, order.points_used, order.id)
    return order_view(order)


def cancel_order(
    shop: Shop, order_id: str, command: CancelOrder, *, buyer_id: UUID, by: str
) -> OrderView:
    """Cancel one of the buyer's orders, or a part of it.

    Raises OrderNotFound, NotYourOrder, OrderNotCancellable, NothingLeft.
    """
    return _compensate(shop, shop.orders.cancel(order_id, command, buyer_id=buyer_id, by=by), by)


def cancel_order_as_admin(
    shop: Shop, order_id: str, command: CancelAnyOrder, *, by: str
) -> OrderView:
    """Cancel anybody's order, also a shipped one, or a part.

    Raises OrderNotFound, OrderNotCancellable, NothingLeft.
    """
    return _compensate(shop, shop.orders.cancel_as_admin(order_id, command, by=by), by)


def cancel_declined_order(shop: Shop, order_id: UUID) -> OrderView:
    """Cancel an unpaid order whose last try was declined. Raises OrderNotCancellable."""
    return _compensate(shop, shop.orders.cancel_declined(order_id), SYSTEM)


def expire_order(shop: Shop, order_id: str) -> OrderView:
    """Cancel an order that was not paid in time. Raises OrderNotFound, OrderNotExpirable."""
    return _compensate(shop, shop.orders.expire(order_id), SYSTEM)


def ship_order(shop: Shop, order_id: str, command: ShipOrder, *, by: str) -> OrderView:
    """Mark an order as shipped, and take its units out of stock.

    Raises OrderNotFound, OrderNotShippable.
    """
    order = shop.orders.ship(order_id, command, by=by)
    entry_id = order.drop_entry_id
    drop_id = shop.drops.drop_of(entry_id) if entry_id else None
    shop.products.ship(_units(order), order.id, by=by, drop_id=drop_id)
    _audit_reason(shop, "ship order", order.id, command.reason, by)
    return order_view(order)


def deliver_order(shop: Shop, order_id: str, command: DeliverOrder, *, by: str) -> OrderView:
    """Mark an order as delivered. Raises OrderNotFound, OrderNotDeliverable."""
    order = shop.orders.deliver(order_id, by=by)
    _audit_reason(shop, "deliver order", UUID(order.order_id), command.reason, by)
    return order


def _audit_reason(shop: Shop, action: str, order_id: UUID, reason: str | None, by: str) -> None:
    if reason is not None:
        audit.record(shop.uow, Change(by, action, order_id, {}, {"reason": reason}))


def _read_ahead(shop: Shop, command: PlaceOrder, buyer_id: UUID) -> None:
    """Read everything that placing the order decides on in one round trip."""
    reads = [
        *shop.products.reads_of_offers([line.product_id for line in command.lines]),
        *shop.brand_names.reads(_product_ids(command)),
        *shop.points.reads_of_spending(buyer_id),
    ]
    if command.drop_entry_id is not None:
        reads += shop.drops.reads_of_offer(command.drop_entry_id)
    if command.issued_coupon_id is not None:
        reads += shop.coupons.reads_of_quote(command.issued_coupon_id)
    if command.address_id is not None:
        reads += shop.address_book.reads_of_address(command.address_id, user_id=buyer_id)
    shop.read_ahead(*reads)


def _product_ids(command: PlaceOrder) -> list[UUID]:
    found = (cursor.parse_id(line.product_id) for line in command.lines)
    return [id_ for id_ in found if id_ is not None]


def _lines(
    command: PlaceOrder, offers: Mapping[UUID, Offer], brand_names: Mapping[UUID, str]
) -> list[OrderLine]:
    return [
        OrderLine(
            product_id=offer.product_id,
            product_name=offer.name,
            brand_id=offer.brand_id,
            brand_name=brand_names[offer.product_id],
            unit_price=offer.price,
            quantity=line.quantity,
        )
        for line in command.lines
        for offer in [offers[UUID(line.product_id)]]
    ]


def _ship_to(shop: Shop, command: PlaceOrder, buyer_id: UUID) -> PostalAddress | None:
    if command.address_id is not None:
        return shop.address_book.get(command.address_id, user_id=buyer_id)
    return command.ship_to.address if command.ship_to else None


def _hold(offers: Collection[Offer]) -> timedelta:
    # The shortest of all lines: no product is held for longer than it may be.
    default = settings.number("ORDER_PAYABLE_MINUTES", PAYABLE_MINUTES)
    return timedelta(minutes=min(each.terms.hold_minutes or default for each in offers))


def _purchase_limits(offers: Collection[Offer]) -> dict[UUID, int]:
    return {
        each.product_id: each.terms.max_per_buyer
        for each in offers
        if each.terms.max_per_buyer is not None
    }


def _sell(shop: Shop, order: Order, offers: dict[UUID, Offer]) -> None:
    """Take the units, unless a drop alone sells one of the products when they are taken."""
    drop_only = shop.drops.require_no_drop([line.product_id for line in order.lines])
    try:
        by = f"user:{order.buyer_id}"
        shop.products.sell(_units(order), offers, order.id, by=by, sold_elsewhere=drop_only)
    except CommerceError as refusal:
        raise drop_only() or refusal from None


def _drop_offer(shop: Shop, command: PlaceOrder, buyer_id: UUID) -> DropOffer | None:
    if command.drop_entry_id is None:
        return None
    offer = shop.drops.offer(command.drop_entry_id, user_id=buyer_id)
    if [line.product_id.lower() for line in command.lines] != [str(offer.product_id)]:
        raise NotTheOffer
    if command.issued_coupon_id is not None and not offer.coupons_allowed:
        raise CouponNotUsable("The terms of the drop allow no coupon.")
    return offer


def _quote(shop: Shop, command: PlaceOrder, lines: list[OrderLine], buyer_id: UUID) -> Quote | None:
    if command.issued_coupon_id is None:
        return None
    return shop.coupons.quote(command.issued_coupon_id, user_id=buyer_id, total=total_of(lines))


def _compensate(shop: Shop, order: Order, by: str) -> OrderView:
    # In the transaction of the cancellation, which happens once. What was shipped is not in the
    # building: staff adjust the stock when they receive it. An order of a drop has one unit.
    refund_card(shop, order)
    if order.issued_coupon_id is not None and order.status == "CANCELLED":
        shop.coupons.restore(order.issued_coupon_id, order.id)
    refund_points(shop, order)
    if not order.was_shipped:
        if order.drop_entry_id is None:
            shop.products.restock(order.freed, order.id, by=by)
        else:
            shop.drops.release(order.id)
    return order_view(order)


def refund_card(shop: Shop, order: Order) -> None:
    """Begin the card's part of the refund that a locked order has just made."""
    refund = order.refund
    if refund is not None and refund.card.amount > 0:
        is_whole = order.status == "CANCELLED"
        reason = RefundReason.ORDER_CANCELLED if is_whole else _REASONS[refund.kind]
        if not shop.payments.begin_refund(
            order.id, reason, refund_id=refund.id, amount=refund.card
        ):
            raise ValueError(f"order {order.id} is paid, and has no payment")


def refund_points(shop: Shop, order: Order) -> None:
    """Make the points' part of the refund that a locked order has just made."""
    refund = order.refund
    if refund is not None:
        is_cancelled = refund.kind is RefundKind.CANCELLATION
        reason = "ORDER_CANCELLED" if is_cancelled else "ORDER_REFUNDED"
        shop.points.refund(order.buyer_id, refund.points, order.id, refund.id, reason)


def _units(order: Order) -> list[tuple[UUID, int]]:
    return [(each.product_id, each.quantity_left) for each in order.lines if each.quantity_left]
