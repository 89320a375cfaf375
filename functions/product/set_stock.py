"""PUT /admin/products/{product_id}/stock: an admin counts a product's units."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import stock
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag
from commerce.product import Oversold, ProductNotFound, SetStock, StockView

api = http_api()


@api.put("/admin/products/<product_id>/stock")
def set_stock(
    product_id: str, command: SetStock, staff: Staff, if_match: IfMatch
) -> Response[StockView]:
    counted = stock.set_stock(product_id, command, by=staff.by, if_match=if_match)
    return with_etag(counted, *counted.versions)


handler = lambda_handler(api, access=Scope.STOCK, refusals=(ProductNotFound, Oversold))
