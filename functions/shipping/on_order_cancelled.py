"""OrderCancelled -> the delivery system's shipment notice is withdrawn."""

from commerce.app.alerts import alert_once
from commerce.app.fulfilment import messenger
from commerce.entrypoints.queue import (
    OnFinalAttempt,
    Received,
    event_handler,
    shipping_max_tries,
    shipping_retry_base_seconds,
)
from commerce.order import OrderCancelled
from commerce.shipping import NoticeKind, NoticeLine, notice_failed


def call_off_the_shipment(received: Received[OrderCancelled]) -> None:
    order = received.event
    if not order.was_confirmed:
        return  # it was never to be shipped
    lines = [NoticeLine(each.product_id, each.product_name, each.quantity) for each in order.lines]
    messenger().call_off(order.order_id, lines)


def alert_the_operators(received: Received[OrderCancelled], cause: Exception) -> None:
    alert_once(notice_failed(received.event.order_id, NoticeKind.WITHDRAWAL, cause))


handler = event_handler(
    OrderCancelled,
    call_off_the_shipment,
    retry_base_seconds=shipping_retry_base_seconds,
    on_final_attempt=OnFinalAttempt(shipping_max_tries, alert_the_operators),
)
