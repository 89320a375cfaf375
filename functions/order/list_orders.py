"""GET /orders: a user lists their orders, newest first."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.order import OrderView
from commerce.shared.shapes import Page

api = http_api()


@api.get("/orders")
def list_orders(buyer: Buyer, limit: Limit = 20, cursor: Cursor = None) -> Page[OrderView]:
    return in_transaction(
        lambda shop: shop.orders.list(buyer_id=buyer.user_id, limit=limit, after=cursor)
    )


handler = lambda_handler(api, access=USER)
