"""POST /admin/orders/{order_id}/shipment: an admin marks an order as shipped."""

from commerce.app import ordering
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound, OrderNotShippable, OrderView, ShipOrder

api = http_api()
NOT_TRACKED = ShipOrder()


@api.post("/admin/orders/<order_id>/shipment")
def ship_order(order_id: str, staff: Staff, command: ShipOrder = NOT_TRACKED) -> OrderView:
    return in_transaction(ordering.ship_order, order_id, command, by=staff.by)


handler = lambda_handler(
    api, access=Scope.ORDERS_FULFIL, refusals=(OrderNotFound, OrderNotShippable)
)
