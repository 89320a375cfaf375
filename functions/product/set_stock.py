"""PUT /admin/products/{product_id}/stock: an admin says how many units there are."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import ADMIN, http_api, lambda_handler
from commerce.product import SetStock, StockView

api = http_api()


@api.put("/admin/products/<product_id>/stock")
def set_stock(product_id: str, command: SetStock) -> StockView:
    return in_transaction(lambda shop: shop.products.set_stock(product_id, command))


handler = lambda_handler(api, access=ADMIN)
