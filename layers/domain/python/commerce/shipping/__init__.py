"""Shipping: the delivery system learns of every confirmed order once, and of its cancellation."""

from commerce.shipping.alerts import notice_failed
from commerce.shipping.delivery_system import DeliverySystem, HttpDeliverySystem
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import NoticeKind, NoticeLine, ShipmentNotice
from commerce.shipping.notice_sender import NoticeSender

__all__ = [
    "DeliverySystem", "DeliverySystemFailed", "HttpDeliverySystem", "NoticeKind", "NoticeLine",
    "NoticeSender", "ShipmentNotice", "ShippingFacade", "notice_failed",
]  # fmt: skip
