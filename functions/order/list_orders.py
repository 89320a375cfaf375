"""GET /orders: a user lists their orders, newest first."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.order import OrderFacade, OrderView
from commerce.shared.schemas import Page

api = http_api()


@api.get("/orders")
def list_orders(buyer: Buyer, limit: Limit = 20, cursor: Cursor = None) -> Page[OrderView]:
    return in_transaction(OrderFacade.list, buyer_id=buyer.user_id, limit=limit, after=cursor)


handler = lambda_handler(api, access=USER)
