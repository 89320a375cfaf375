"""GET /admin/products/{product_id}/stock/movements: an admin lists changes of a product's units."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Cursor, Limit, Scope, Staff, http_api, lambda_handler
from commerce.product import ProductNotFound, StockFacade, StockMovementView
from commerce.shared.schemas import Page

api = http_api()


@api.get("/admin/products/<product_id>/stock/movements")
def list_stock_movements(
    product_id: str,
    staff: Staff,  # noqa: ARG001
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[StockMovementView]:
    return in_transaction(StockFacade.movements, product_id, limit=limit, after=cursor)


handler = lambda_handler(api, access=Scope.STOCK, refusals=(ProductNotFound,))
