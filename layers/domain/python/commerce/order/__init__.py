"""Orders: purchases, their prices as of that moment, and their progress."""

from commerce.order.commands import (
    CancelAnyOrder,
    CancelOrder,
    DeliverOrder,
    PlaceOrder,
    ReceiveReturn,
    RefundOrder,
    RejectReturn,
    RequestReturn,
    ShipOrder,
)
from commerce.order.errors import (
    AddressRequired,
    HoldCooldown,
    NothingLeft,
    NotYourOrder,
    NotYourReturn,
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
    RefundExceedsPaid,
    ReturnNotFound,
    ReturnNotPossible,
    TooManyUnpaidOrders,
)
from commerce.order.events import (
    OrderAddressChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLinesCancelled,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    ReturnReceived,
    ReturnRequested,
)
from commerce.order.facade import OrderFacade
from commerce.order.model import (
    PAYABLE_MINUTES,
    AmountDue,
    Discount,
    Order,
    OrderLine,
    RefundKind,
    total_of,
)
from commerce.order.views import (
    OrderDetailView,
    OrderHistoryEntryView,
    OrderView,
    ReturnView,
    order_view,
    return_view,
)

__all__ = [
    "PAYABLE_MINUTES", "AddressRequired", "AmountDue", "CancelAnyOrder", "CancelOrder",
    "DeliverOrder", "Discount",
    "HoldCooldown", "NotYourOrder", "NotYourReturn", "NothingLeft", "Order", "OrderAddressChanged",
    "OrderCancelled", "OrderConfirmed", "OrderDelivered", "OrderDetailView", "OrderFacade",
    "OrderHistoryEntryView",
    "OrderLine", "OrderLinesCancelled", "OrderNotCancellable", "OrderNotConfirmable",
    "OrderNotDeliverable", "OrderNotEditable", "OrderNotExpirable", "OrderNotFound",
    "OrderNotPayable", "OrderNotShippable", "OrderPlaced", "OrderRefunded", "OrderShipped",
    "OrderTooLarge", "OrderView", "PlaceOrder", "PointsExceedTotal", "PriceChanged",
    "PurchaseLimitExceeded", "ReceiveReturn", "RefundExceedsPaid", "RefundKind", "RefundOrder",
    "RejectReturn", "RequestReturn", "ReturnNotFound", "ReturnNotPossible", "ReturnReceived",
    "ReturnRequested", "ReturnView", "ShipOrder", "TooManyUnpaidOrders", "order_view",
    "return_view", "total_of",
]  # fmt: skip
