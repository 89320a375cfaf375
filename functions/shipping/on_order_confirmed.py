"""OrderConfirmed -> the delivery system gets its shipment notice."""

from functools import cache

from commerce.bootstrap import in_transaction
from commerce.entrypoints.queue import Received, event_handler, shipping_retry_base_seconds
from commerce.order import OrderConfirmed
from commerce.shared import settings
from commerce.shipping import (
    HttpDeliverySystem,
    NoticeKind,
    NoticeLine,
    ShipmentNotice,
)


@cache
def delivery_system() -> HttpDeliverySystem:
    return HttpDeliverySystem(settings.text("DELIVERY_URL"))


def tell_the_delivery_system(received: Received[OrderConfirmed]) -> None:
    notice = notice_of(received.event)
    if in_transaction(lambda shop: shop.shipping.is_told(notice.order_id, notice.kind)):
        return
    # Killed after this call, we come here again; the order id keeps it one notice over there.
    delivery_system().send(notice)
    in_transaction(lambda shop: shop.shipping.mark_told(notice))


def notice_of(event: OrderConfirmed) -> ShipmentNotice:
    lines = [NoticeLine(each.product_id, each.product_name, each.quantity) for each in event.lines]
    return ShipmentNotice(event.order_id, NoticeKind.ORDER, tuple(lines))


handler = event_handler(
    OrderConfirmed, tell_the_delivery_system, retry_base_seconds=shipping_retry_base_seconds
)
