"""Shipping: the delivery system learns of every confirmed order, once."""

from commerce.shipping.delivery_system import DeliverySystem, HttpDeliverySystem
from commerce.shipping.errors import DeliverySystemFailed
from commerce.shipping.facade import ShippingFacade
from commerce.shipping.model import NoticeKind, NoticeLine, ShipmentNotice

__all__ = [
    "DeliverySystem",
    "DeliverySystemFailed",
    "HttpDeliverySystem",
    "NoticeKind",
    "NoticeLine",
    "ShipmentNotice",
    "ShippingFacade",
]
