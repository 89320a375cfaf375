"""Fulfilment: the delivery system is sent the confirmed orders, and the cancellations of these."""

from functools import cache
from typing import TypeVar

from commerce.app.alerts import alert_once
from commerce.app.transactions import in_transaction
from commerce.order import OrderCancelled, OrderConfirmed
from commerce.runtime import settings
from commerce.shared.events import Received
from commerce.shipping import (
    HttpDeliverySystem,
    NoticeKind,
    NoticeLine,
    NoticeSender,
    notice_failed,
)

E = TypeVar("E", OrderConfirmed, OrderCancelled)


def send_confirmed(received: Received[OrderConfirmed]) -> None:
    """Send a confirmed order to the delivery system. Raises DeliverySystemFailed."""
    order = received.event
    notice_sender().send_order(order.order_id, _lines(order))


def withdraw_cancelled(received: Received[OrderCancelled]) -> None:
    """Withdraw a cancelled order from the delivery system. Raises DeliverySystemFailed."""
    order = received.event
    if order.was_confirmed:  # else it was never to be shipped
        notice_sender().cancel_order(order.order_id, _lines(order))


def alert_notice_failed(received: Received[E], cause: Exception) -> None:
    """Alert the operators, once, that the order's notice became a dead letter."""
    order = received.event
    kind = NoticeKind.ORDER if isinstance(order, OrderConfirmed) else NoticeKind.WITHDRAWAL
    alert_once(notice_failed(order.order_id, kind, cause))


def retry_base_seconds() -> int:
    """Return the pause after the first failed attempt (spec §7.3); each further one is doubled."""
    return settings.number("SHIPPING_RETRY_BASE_SECONDS", 60)


def max_attempts() -> int:
    """Return the queue's maxReceiveCount, as the template gives it (spec §7.3)."""
    return settings.number("SHIPPING_MAX_TRIES", 3)


def notice_sender() -> NoticeSender:
    """Return the sender of shipment notices to the delivery system at DELIVERY_URL."""
    url = settings.outside(settings.text("DELIVERY_URL"))
    return NoticeSender(in_transaction, _delivery_system(url))


@cache
def _delivery_system(url: str) -> HttpDeliverySystem:
    return HttpDeliverySystem(url, _secret)


def _secret() -> str:
    """Return the secret to sign with; the delivery system takes the previous one too, for a time.

    Raises Unavailable.
    """
    return settings.signing_secrets("DELIVERY_SECRET")[0]


def _lines(order: E) -> list[NoticeLine]:
    return [NoticeLine(each.product_id, each.product_name, each.quantity) for each in order.lines]
