"""GET /returns/{return_id}: one of the user's returns."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.order import NotYourReturn, OrderFacade, ReturnNotFound, ReturnView

api = http_api()


@api.get("/returns/<return_id>")
def get_return(return_id: str, buyer: Buyer) -> ReturnView:
    return in_transaction(OrderFacade.get_return, return_id, buyer_id=buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(ReturnNotFound, NotYourReturn))
