"""GET /products: anyone lists the products, of one brand or of all."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.catalogue import catalogue
from commerce.entrypoints.http import Cursor, Limit, http_api, lambda_handler
from commerce.product import ListProducts, ProductView, Sort
from commerce.shared.schemas import Page

api = http_api()


@api.get("/products")
def list_products(
    brand_id: Annotated[str | None, Query(max_length=64, description="Of this brand")] = None,
    sort: Annotated[Sort, Query(description="Which come first")] = Sort.LATEST,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[ProductView]:
    return catalogue().list(ListProducts(brand_id=brand_id, sort=sort, limit=limit, cursor=cursor))


handler = lambda_handler(api)
