"""PUT /admin/products/{product_id}/stripes: an admin sets the rows that a stock is dealt out to."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.product import ProductNotFound
from commerce.product.striping import SetStripes, StripesView, StripingFacade

api = http_api()


@api.put("/admin/products/<product_id>/stripes")
def set_stripes(product_id: str, command: SetStripes, staff: Staff) -> StripesView:
    return in_transaction(StripingFacade.set_stripes, product_id, command, by=staff.by)


handler = lambda_handler(api, access=Scope.STOCK, refusals=(ProductNotFound,))
