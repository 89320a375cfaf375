"""POST /orders/{order_id}/returns: a user sends units of a delivered order back."""

from commerce.app.transactions import once
from commerce.entrypoints.http import USER, Buyer, RequestKey, http_api, lambda_handler
from commerce.order import (
    NotYourOrder,
    OrderFacade,
    OrderNotFound,
    RequestReturn,
    ReturnNotPossible,
    ReturnView,
)

api = http_api()


@api.post("/orders/<order_id>/returns")
def request_return(
    order_id: str, command: RequestReturn, buyer: Buyer, key: RequestKey
) -> tuple[ReturnView, int]:
    returned = once(
        key, OrderFacade.request_return, order_id, command, buyer_id=buyer.user_id, by=buyer.by
    )
    return returned, 201


handler = lambda_handler(
    api,
    access=USER,
    idempotent=True,
    success=(201,),
    refusals=(OrderNotFound, NotYourOrder, ReturnNotPossible),
)
