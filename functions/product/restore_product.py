"""POST /admin/products/{product_id}/restore: an admin takes a product out of the archive."""

from aws_lambda_powertools.event_handler import Response

from commerce.app import products
from commerce.app.catalogue import catalogue
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import IfMatch, Scope, Staff, http_api, lambda_handler, with_etag
from commerce.product import ProductDetailView, ProductNotFound

api = http_api()


@api.post("/admin/products/<product_id>/restore")
def restore_product(
    product_id: str, staff: Staff, if_match: IfMatch
) -> Response[ProductDetailView]:
    product = in_transaction(products.restore_product, product_id, by=staff.by, if_match=if_match)
    return with_etag(catalogue().ranked(product), product.version, product.stock_version)


handler = lambda_handler(api, access=Scope.CATALOGUE, refusals=(ProductNotFound,))
