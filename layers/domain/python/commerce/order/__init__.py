"""Orders: purchases, their prices as of that moment, and their progress."""

from commerce.order.commands import CancelOrder, PlaceOrder
from commerce.order.errors import (
    HoldCooldown,
    NotYourOrder,
    OrderNotCancellable,
    OrderNotConfirmable,
    OrderNotDeliverable,
    OrderNotExpirable,
    OrderNotFound,
    OrderNotPayable,
    OrderNotShippable,
    OrderTooLarge,
    PointsExceedTotal,
    PriceChanged,
    PurchaseLimitExceeded,
    TooManyUnpaidOrders,
)
from commerce.order.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
)
from commerce.order.facade import OrderFacade
from commerce.order.model import PAYABLE_MINUTES, AmountDue, Discount, Order, OrderLine, total_of
from commerce.order.views import OrderDetailView, OrderView, order_view

__all__ = [
    "PAYABLE_MINUTES", "AmountDue", "CancelOrder", "Discount", "HoldCooldown", "NotYourOrder",
    "Order", "OrderCancelled", "OrderConfirmed", "OrderDelivered", "OrderDetailView",
    "OrderFacade", "OrderLine", "OrderNotCancellable", "OrderNotConfirmable",
    "OrderNotDeliverable", "OrderNotExpirable", "OrderNotFound", "OrderNotPayable",
    "OrderNotShippable", "OrderPlaced", "OrderShipped", "OrderTooLarge", "OrderView", "PlaceOrder",
    "PointsExceedTotal", "PriceChanged", "PurchaseLimitExceeded", "TooManyUnpaidOrders",
    "order_view", "total_of",
]  # fmt: skip
