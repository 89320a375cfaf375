"""GET /admin/sales: an operator sees the last day's sales, and the stock of the best sellers."""

from commerce.app.operations import SalesView, sales
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler

api = http_api()


@api.get("/admin/sales")
def get_sales(staff: Staff) -> SalesView:  # noqa: ARG001
    return sales()


handler = lambda_handler(api, access=Scope.OPS)
