"""OrderConfirmed -> the delivery system gets its shipment notice."""

from commerce.app.alerts import alert_once
from commerce.app.fulfilment import messenger
from commerce.entrypoints.queue import (
    OnFinalAttempt,
    Received,
    event_handler,
    shipping_max_tries,
    shipping_retry_base_seconds,
)
from commerce.order import OrderConfirmed
from commerce.shipping import NoticeKind, NoticeLine, notice_failed


def tell_the_delivery_system(received: Received[OrderConfirmed]) -> None:
    order = received.event
    lines = [NoticeLine(each.product_id, each.product_name, each.quantity) for each in order.lines]
    messenger().order(order.order_id, lines)


def alert_the_operators(received: Received[OrderConfirmed], cause: Exception) -> None:
    alert_once(notice_failed(received.event.order_id, NoticeKind.ORDER, cause))


handler = event_handler(
    OrderConfirmed,
    tell_the_delivery_system,
    retry_base_seconds=shipping_retry_base_seconds,
    on_final_attempt=OnFinalAttempt(shipping_max_tries, alert_the_operators),
)
