"""POST /admin/products/{product_id}/stock/adjustments: an admin adds units or takes some away."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import stock
from commerce.entrypoints.http import RequestKey, Scope, Staff, http_api, lambda_handler, with_etag
from commerce.product import AdjustStock, Oversold, ProductNotFound, StockView

api = http_api()


@api.post("/admin/products/<product_id>/stock/adjustments")
def adjust_stock(
    product_id: str, command: AdjustStock, staff: Staff, key: RequestKey
) -> Response[StockView]:
    adjusted = stock.adjust_stock(key, product_id, command, by=staff.by)
    return with_etag(adjusted, *adjusted.versions, status=201)


handler = lambda_handler(
    api, access=Scope.STOCK, idempotent=True, success=(201,), refusals=(ProductNotFound, Oversold)
)
