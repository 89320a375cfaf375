"""POST /admin/orders/{order_id}/cancellation: an admin cancels an order, or a part of it."""

from commerce.app import ordering
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import (
    CancelAnyOrder,
    NothingLeft,
    OrderNotCancellable,
    OrderNotFound,
    OrderView,
)

api = http_api()
NO_REASON = CancelAnyOrder()


@api.post("/admin/orders/<order_id>/cancellation")
def cancel_order_as_admin(
    order_id: str, staff: Staff, command: CancelAnyOrder = NO_REASON
) -> OrderView:
    return in_transaction(ordering.cancel_order_as_admin, order_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, OrderNotCancellable, NothingLeft)
)
