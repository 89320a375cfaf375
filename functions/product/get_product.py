"""GET /products/{product_id}: anyone looks at a product."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import http_api, lambda_handler
from commerce.product import ProductDetailView

api = http_api()


@api.get("/products/<product_id>")
def get_product(product_id: str) -> ProductDetailView:
    return in_transaction(lambda shop: shop.products.get(product_id))


handler = lambda_handler(api)
