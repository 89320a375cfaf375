"""POST /admin/orders/{order_id}/cancellation: an admin cancels an order."""

from commerce.app import ordering
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.order import CancelOrder, OrderNotCancellable, OrderNotFound, OrderView

api = http_api()
NO_REASON = CancelOrder()


@api.post("/admin/orders/<order_id>/cancellation")
def cancel_order_as_admin(
    order_id: str, admin: Admin, command: CancelOrder = NO_REASON
) -> OrderView:
    return in_transaction(ordering.cancel_order_as_admin, order_id, command, by=admin.by)


handler = lambda_handler(api, access=ADMIN, refusals=(OrderNotFound, OrderNotCancellable))
