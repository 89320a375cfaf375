"""Orders: what somebody bought, and what became of it."""

from commerce.order.commands import PlaceOrder
from commerce.order.errors import NotYourOrder, OrderNotFound
from commerce.order.events import OrderConfirmed, OrderPlaced
from commerce.order.facade import OrderFacade
from commerce.order.views import OrderDetailView, OrderView

__all__ = [
    "NotYourOrder",
    "OrderConfirmed",
    "OrderDetailView",
    "OrderFacade",
    "OrderNotFound",
    "OrderPlaced",
    "OrderView",
    "PlaceOrder",
]
