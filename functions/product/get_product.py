"""GET /products/{product_id}: anyone looks at a product."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.catalogue import catalogue, record_view
from commerce.entrypoints.http import http_api, lambda_handler, with_etag
from commerce.product import ProductDetailView, ProductNotFound

api = http_api()


@api.get("/products/<product_id>")
def get_product(product_id: str) -> Response[ProductDetailView]:
    product = catalogue().product(product_id)
    record_view(product)
    return with_etag(product, product.version, product.counted)


handler = lambda_handler(api, refusals=(ProductNotFound,))
