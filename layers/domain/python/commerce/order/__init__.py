"""Orders: purchases, their prices as of that moment, and their progress."""

from commerce.order.commands import CancelOrder, PlaceOrder, ShipOrder
from commerce.order.errors import (
    AddressRequired,
    HoldCooldown,
    NothingLeft,
    NotYourOrder,
    OrderNotCancellable,
    OrderNotConfirmable,
    OrderNotDeliverable,
    OrderNotEditable,
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
    OrderAddressChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLinesCancelled,
    OrderPlaced,
    OrderShipped,
)
from commerce.order.facade import OrderFacade
from commerce.order.model import PAYABLE_MINUTES, AmountDue, Discount, Order, OrderLine, total_of
from commerce.order.views import OrderDetailView, OrderView, order_view

__all__ = [
    "PAYABLE_MINUTES", "AddressRequired", "AmountDue", "CancelOrder", "Discount", "HoldCooldown",
    "NotYourOrder", "NothingLeft", "Order", "OrderAddressChanged", "OrderCancelled",
    "OrderConfirmed", "OrderDelivered", "OrderDetailView", "OrderFacade", "OrderLine",
    "OrderLinesCancelled", "OrderNotCancellable",
    "OrderNotConfirmable", "OrderNotDeliverable", "OrderNotEditable", "OrderNotExpirable",
    "OrderNotFound", "OrderNotPayable", "OrderNotShippable", "OrderPlaced", "OrderShipped",
    "OrderTooLarge", "OrderView", "PlaceOrder", "PointsExceedTotal", "PriceChanged",
    "PurchaseLimitExceeded", "ShipOrder", "TooManyUnpaidOrders", "order_view", "total_of",
]  # fmt: skip
