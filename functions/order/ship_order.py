"""POST /admin/orders/{order_id}/shipment: an admin marks an order as shipped."""

from commerce.app import ordering
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound, OrderNotShippable, OrderView

api = http_api()


@api.post("/admin/orders/<order_id>/shipment")
def ship_order(order_id: str, staff: Staff) -> OrderView:
    return in_transaction(ordering.ship_order, order_id, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, OrderNotShippable)
)
