"""POST /returns/{return_id}/withdrawal: a user keeps the units after all."""

from commerce.app.transactions import once
from commerce.entrypoints.http import USER, Buyer, OptionalRequestKey, http_api, lambda_handler
from commerce.order import (
    NotYourReturn,
    OrderFacade,
    ReturnNotFound,
    ReturnNotPossible,
    ReturnView,
)

api = http_api()


@api.post("/returns/<return_id>/withdrawal")
def withdraw_return(return_id: str, buyer: Buyer, key: OptionalRequestKey) -> ReturnView:
    return once(key, OrderFacade.withdraw_return, return_id, buyer_id=buyer.user_id, by=buyer.by)


handler = lambda_handler(
    api,
    access=USER,
    idempotent="optional",
    refusals=(ReturnNotFound, NotYourReturn, ReturnNotPossible),
)
