"""POST /admin/orders/{order_id}/shipment: an admin marks an order as shipped."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.order import OrderFacade, OrderNotFound, OrderNotShippable, OrderView

api = http_api()


@api.post("/admin/orders/<order_id>/shipment")
def ship_order(order_id: str, admin: Admin) -> OrderView:
    return in_transaction(OrderFacade.ship, order_id, by=admin.by)


handler = lambda_handler(api, access=ADMIN, refusals=(OrderNotFound, OrderNotShippable))
