"""PATCH /admin/products/{product_id}: an admin edits a product, unless another did meanwhile."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import products
from commerce.app.catalogue import catalogue
from commerce.app.transactions import in_transaction
from commerce.brand import BrandNotFound
from commerce.drop import DropLocked
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag
from commerce.product import (
    EditProduct,
    ProductDetailView,
    ProductNotFound,
    SaleEndsBeforeItBegins,
)

api = http_api()


@api.patch("/admin/products/<product_id>")
def edit_product(
    product_id: str, command: EditProduct, staff: Staff, if_match: IfMatch
) -> Response[ProductDetailView]:
    edited = in_transaction(
        products.edit_product, product_id, command, by=staff.by, if_match=if_match
    )
    return with_etag(catalogue().ranked(edited), edited.version, edited.stock_version)


handler = lambda_handler(
    api,
    access=Scope.CATALOGUE,
    refusals=(ProductNotFound, BrandNotFound, SaleEndsBeforeItBegins, DropLocked),
)
