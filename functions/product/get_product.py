"""GET /products/{product_id}: anyone looks at a product."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.catalogue import catalogue, record_view
from commerce.entrypoints.http import AnyViewer, http_api, lambda_handler, with_etag
from commerce.product import ProductDetailView, ProductNotFound

api = http_api()


@api.get("/products/<product_id>")
def get_product(product_id: str, viewer: AnyViewer) -> Response[ProductDetailView]:
    product = catalogue().product(product_id)
    viewer.when_shown(record_view, product.product_id)
    return with_etag(product, product.version, product.stock_version)


handler = lambda_handler(api, refusals=(ProductNotFound,))
