"""GET /users/me: a user reads their data."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.user import UserFacade, UserNotFound, UserView

api = http_api()


@api.get("/users/me")
def get_me(buyer: Buyer) -> UserView:
    return in_transaction(UserFacade.get, buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(UserNotFound,))
