"""POST /admin/products: an admin registers a product."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import products
from commerce.app.catalogue import catalogue
from commerce.app.transactions import once
from commerce.brand import BrandNotFound
from commerce.entrypoints.http import (
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)
from commerce.product import ProductDetailView, RegisterProduct, SaleEndsBeforeItBegins

api = http_api()


@api.post("/admin/products")
def register_product(
    command: RegisterProduct, staff: Staff, key: OptionalRequestKey
) -> Response[ProductDetailView]:
    product = once(key, products.register_product, command, by=staff.by)
    catalogue().invalidate_first_pages(product)
    return with_etag(product, 1, 1, status=201)  # as both are registered


handler = lambda_handler(
    api,
    access=Scope.CATALOGUE,
    idempotent="optional",
    success=(201,),
    refusals=(BrandNotFound, SaleEndsBeforeItBegins),
)
