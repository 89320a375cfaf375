"""PUT /admin/products/{product_id}/stock: an admin sets the number of units."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import ADMIN, Admin, IfMatch, http_api, lambda_handler, with_etag
from commerce.product import ProductFacade, ProductNotFound, SetStock, StockView

api = http_api()


@api.put("/admin/products/<product_id>/stock")
def set_stock(
    product_id: str, command: SetStock, admin: Admin, if_match: IfMatch
) -> Response[StockView]:
    stock = in_transaction(
        ProductFacade.set_stock, product_id, command, by=admin.by, if_match=if_match
    )
    return with_etag(stock, stock.version, stock.counted)


handler = lambda_handler(api, access=ADMIN, refusals=(ProductNotFound,))
