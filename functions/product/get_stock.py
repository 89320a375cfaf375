"""GET /admin/products/{product_id}/stock: an admin looks at a product's stock."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler, with_etag
from commerce.product import ProductNotFound, StockFacade, StockView

api = http_api()


@api.get("/admin/products/<product_id>/stock")
def get_stock(product_id: str, staff: Staff) -> Response[StockView]:  # noqa: ARG001
    stock = in_transaction(StockFacade.get, product_id)
    return with_etag(stock, *stock.versions)


handler = lambda_handler(api, access=Scope.STOCK, refusals=(ProductNotFound,))
