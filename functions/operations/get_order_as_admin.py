"""GET /admin/orders/{order_id}: an operator sees all that happened to an order."""

from commerce.app.operations import OperatorsOrderView, order_for_operators
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.order import OrderNotFound

api = http_api()


@api.get("/admin/orders/<order_id>")
def get_order_as_admin(order_id: str, staff: Staff) -> OperatorsOrderView:  # noqa: ARG001
    return order_for_operators(order_id)


handler = lambda_handler(
    api, access=Scope.ORDERS_READ, reads_personal_data=True, refusals=(OrderNotFound,)
)
