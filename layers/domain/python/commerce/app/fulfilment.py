"""Shipment notices to the external delivery system."""

from functools import cache

from commerce.app.transactions import in_transaction
from commerce.runtime import settings
from commerce.shipping import HttpDeliverySystem, Messenger


def messenger() -> Messenger:
    """Return the sender of shipment notices."""
    return Messenger(
        lambda work: in_transaction(lambda shop: work(shop.shipping)),
        _delivery_system(settings.text("DELIVERY_URL")),
    )


@cache
def _delivery_system(url: str) -> HttpDeliverySystem:
    return HttpDeliverySystem(url)
