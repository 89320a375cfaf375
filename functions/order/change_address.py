"""PUT /orders/{order_id}/address: a user has one of their orders sent elsewhere."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.order import NotYourOrder, OrderFacade, OrderNotEditable, OrderNotFound, OrderView
from commerce.shared.postal import ShipTo

api = http_api()


@api.put("/orders/<order_id>/address")
def change_address(order_id: str, command: ShipTo, buyer: Buyer) -> OrderView:
    return in_transaction(OrderFacade.change_address, order_id, command, buyer_id=buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(OrderNotFound, NotYourOrder, OrderNotEditable))
