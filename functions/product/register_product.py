"""POST /admin/products: an admin registers a product."""

from commerce.bootstrap import in_transaction
from commerce.catalogue import catalogue
from commerce.entrypoints.http import ADMIN, http_api, lambda_handler
from commerce.product import ProductDetailView, RegisterProduct

api = http_api()


@api.post("/admin/products")
def register_product(command: RegisterProduct) -> tuple[ProductDetailView, int]:
    product = in_transaction(lambda shop: shop.products.register(command))
    catalogue().show_new(product)
    return product, 201


handler = lambda_handler(api, access=ADMIN)
