"""GET /orders/{order_id}: a user looks at one of their orders."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.order import OrderDetailView

api = http_api()


@api.get("/orders/<order_id>")
def get_order(order_id: str, buyer: Buyer) -> OrderDetailView:
    return in_transaction(lambda shop: shop.orders.get(order_id, buyer_id=buyer.user_id))


handler = lambda_handler(api, access=USER)
