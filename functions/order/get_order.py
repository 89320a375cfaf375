"""GET /orders/{order_id}: a user reads one of their orders."""

from commerce.app.checkout import OrderPage, order_page
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.order import NotYourOrder, OrderNotFound

api = http_api()


@api.get("/orders/<order_id>")
def get_order(order_id: str, buyer: Buyer) -> OrderPage:
    return order_page(order_id, buyer_id=buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(OrderNotFound, NotYourOrder))
