"""PUT /admin/products/{product_id}/stripes: an admin says how many rows a stock is in."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.product import ProductFacade, ProductNotFound, SetStripes, StripesView

api = http_api()


@api.put("/admin/products/<product_id>/stripes")
def set_stripes(product_id: str, command: SetStripes, admin: Admin) -> StripesView:
    return in_transaction(ProductFacade.set_stripes, product_id, command, by=admin.by)


handler = lambda_handler(api, access=ADMIN, refusals=(ProductNotFound,))
