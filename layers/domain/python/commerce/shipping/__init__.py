"""Shipping: the delivery system learns of confirmed orders, their changes and cancellations."""

from commerce.shipping.alerts import notice_failed
from commerce.shipping.delivery_system import DeliverySystem, HttpDeliverySystem
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import NoticeKind, NoticeLine, ReadOrder, ShipmentNotice, ToDeliver
from commerce.shipping.notice_sender import NoticeSender

__all__ = [
    "DeliverySystem", "DeliverySystemFailed", "HttpDeliverySystem", "NoticeKind", "NoticeLine",
    "NoticeSender", "ReadOrder", "ShipmentNotice", "ShippingFacade", "ToDeliver", "notice_failed",
]  # fmt: skip
