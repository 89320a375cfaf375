"""GET /products: anyone lists the products, of one brand or of all."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import Cursor, Limit, http_api, lambda_handler
from commerce.product import ListProducts, ProductView, Sort
from commerce.shared.shapes import Page

api = http_api()


@api.get("/products")
def list_products(
    brand_id: Annotated[str | None, Query(max_length=64)] = None,
    sort: Sort = Sort.LATEST,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ProductView]:
    command = ListProducts(brand_id=brand_id, sort=sort, limit=limit, cursor=cursor)
    return in_transaction(lambda shop: shop.products.list(command))


handler = lambda_handler(api)
