"""PUT /admin/products/{product_id}/stripes: an admin says how many rows a stock is in."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.product import ProductNotFound, SetStripes, StripesView

api = http_api()


@api.put("/admin/products/<product_id>/stripes")
def set_stripes(product_id: str, command: SetStripes, admin: Admin) -> StripesView:
    return in_transaction(lambda shop: shop.products.set_stripes(product_id, command, by=admin.by))


handler = lambda_handler(api, access=ADMIN, refusals=(ProductNotFound,))
