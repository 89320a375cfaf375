"""POST /admin/products: an admin registers a product."""

from aws_lambda_powertools.event_handler import Response

from commerce.bootstrap import once
from commerce.brand import BrandNotFound
from commerce.catalogue import catalogue
from commerce.entrypoints.http import (
    ADMIN,
    Admin,
    OptionalRequestKey,
    http_api,
    lambda_handler,
    tagged,
)
from commerce.product import ProductDetailView, RegisterProduct

api = http_api()


@api.post("/admin/products")
def register_product(
    command: RegisterProduct, admin: Admin, key: OptionalRequestKey
) -> Response[ProductDetailView]:
    product = once(
        key, ProductDetailView, lambda shop: shop.products.register(command, by=admin.by)
    )
    catalogue().show_new(product)
    return tagged(product, product.version, product.counted, status=201)


handler = lambda_handler(
    api, access=ADMIN, idempotent="optional", success=(201,), refusals=(BrandNotFound,)
)
