"""POST /admin/orders/{order_id}/delivery: an admin marks an order as delivered."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderFacade, OrderNotDeliverable, OrderNotFound, OrderView

api = http_api()


@api.post("/admin/orders/<order_id>/delivery")
def deliver_order(order_id: str, staff: Staff) -> OrderView:
    return in_transaction(OrderFacade.deliver, order_id, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, OrderNotDeliverable)
)
