"""Fulfilment: the delivery system is sent the confirmed orders, their changes and cancellations."""

from functools import cache, partial
from typing import Any, TypeVar
from uuid import UUID

from commerce.app.alerts import alert_once
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import (
    OrderAddressChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderLinesCancelled,
)
from commerce.runtime import settings
from commerce.shared.events import Received
from commerce.shipping import (
    HttpDeliverySystem,
    NoticeKind,
    NoticeLine,
    NoticeSender,
    ShipmentNotice,
    ToDeliver,
    notice_failed,
)

E = TypeVar(
    "E", OrderConfirmed, OrderAddressChanged, OrderCancelled, OrderCancelled | OrderLinesCancelled
)

_KINDS = {
    OrderConfirmed: NoticeKind.ORDER,
    OrderAddressChanged: NoticeKind.UPDATE,
    OrderCancelled: NoticeKind.WITHDRAWAL,
    OrderLinesCancelled: NoticeKind.UPDATE,
}


def send_confirmed(received: Received[OrderConfirmed]) -> None:
    """Send a confirmed order to the delivery system. Raises DeliverySystemFailed."""
    notice_sender().send_order(received.event.order_id)


def update_changed(received: Received[OrderAddressChanged]) -> None:
    """Send the delivery system what has changed of an order. Raises DeliverySystemFailed."""
    notice_sender().update_order(received.event.order_id)


def withdraw_cancelled(received: Received[OrderCancelled | OrderLinesCancelled]) -> None:
    """Withdraw a cancelled order from the delivery system, or send what is left of it.

    Raises DeliverySystemFailed.
    """
    order = received.event
    if isinstance(order, OrderLinesCancelled):
        notice_sender().update_order(order.order_id)
    elif order.was_confirmed:  # else it was never to be shipped
        notice_sender().cancel_order(order.order_id)


def alert_notice_failed(received: Received[E], cause: Exception) -> None:
    """Alert the operators, once, that the order's notice became a dead letter."""
    order = received.event
    alert_once(notice_failed(order.order_id, _KINDS[type(order)], cause))


def retry_base_seconds() -> int:
    """Return the pause after the first failed attempt (spec §7.3); each further one is doubled."""
    return settings.number("SHIPPING_RETRY_BASE_SECONDS", 60)


def max_attempts() -> int:
    """Return the queue's maxReceiveCount, as the template gives it (spec §7.3)."""
    return settings.number("SHIPPING_MAX_TRIES", 3)


def notice_sender() -> NoticeSender:
    """Return the sender of shipment notices to the delivery system at DELIVERY_URL."""
    url = settings.outside(settings.text("DELIVERY_URL"))
    return NoticeSender(_decide, _delivery_system(url))


@cache
def _delivery_system(url: str) -> HttpDeliverySystem:
    return HttpDeliverySystem(url, _secret)


def _secret() -> str:
    """Return the secret to sign with; the delivery system takes the previous one too, for a time.

    Raises Unavailable.
    """
    return settings.signing_secrets("DELIVERY_SECRET")[0]


def _decide(method: Any, order_id: UUID, *args: Any) -> ShipmentNotice | None:
    return in_transaction(_decided, method, order_id, *args)


def _decided(shop: Shop, method: Any, order_id: UUID, *args: Any) -> ShipmentNotice | None:
    notice: ShipmentNotice | None = method(
        shop.shipping, order_id, partial(to_deliver, shop, order_id), *args
    )
    return notice


def to_deliver(shop: Shop, order_id: UUID) -> ToDeliver:
    """Return what an order has to be delivered as, now. Raises OrderNotFound."""
    order = shop.orders.to_deliver(order_id)
    lines = tuple(
        NoticeLine(each.product_id, each.product_name, each.quantity_left)
        for each in order.lines
        if each.quantity_left
    )
    return ToDeliver(order.delivery_version, lines, order.ship_to)
