"""Shipping: the delivery system learns of every confirmed order once, and of its cancellation."""

from commerce.shipping.alerts import notice_failed
from commerce.shipping.delivery_system import DeliverySystem, HttpDeliverySystem
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.messenger import Messenger
from commerce.shipping.model import NoticeKind, NoticeLine, ShipmentNotice

__all__ = [
    "DeliverySystem",
    "DeliverySystemFailed",
    "HttpDeliverySystem",
    "Messenger",
    "NoticeKind",
    "NoticeLine",
    "ShipmentNotice",
    "ShippingFacade",
    "notice_failed",
]
