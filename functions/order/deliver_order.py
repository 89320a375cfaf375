"""POST /admin/orders/{order_id}/delivery: an admin marks an order as delivered."""

from commerce.app import ordering
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import DeliverOrder, OrderNotDeliverable, OrderNotFound, OrderView

api = http_api()
NO_REASON = DeliverOrder()


@api.post("/admin/orders/<order_id>/delivery")
def deliver_order(order_id: str, staff: Staff, command: DeliverOrder = NO_REASON) -> OrderView:
    return in_transaction(ordering.deliver_order, order_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, OrderNotDeliverable)
)
