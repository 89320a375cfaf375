"""POST /orders/{order_id}/cancellation: a user cancels one of their orders, or a part."""

from commerce.app import ordering
from commerce.app.transactions import once
from commerce.entrypoints.http import (
    USER,
    Buyer,
    OptionalRequestKey,
    http_api,
    lambda_handler,
)
from commerce.order import (
    CancelOrder,
    NothingLeft,
    NotYourOrder,
    OrderNotCancellable,
    OrderNotFound,
    OrderView,
)

api = http_api()
NO_REASON = CancelOrder()


@api.post("/orders/<order_id>/cancellation")
def cancel_order(
    order_id: str, buyer: Buyer, key: OptionalRequestKey, command: CancelOrder = NO_REASON
) -> OrderView:
    return once(key, ordering.cancel_order, order_id, command, buyer_id=buyer.user_id, by=buyer.by)


handler = lambda_handler(
    api,
    access=USER,
    idempotent="optional",
    refusals=(OrderNotFound, NotYourOrder, OrderNotCancellable, NothingLeft),
)
