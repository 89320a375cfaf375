"""GET /users/me: a user reads their data."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler, with_etag
from commerce.user import UserFacade, UserNotFound, UserView

api = http_api()


@api.get("/users/me")
def get_me(buyer: Buyer) -> Response[UserView]:
    found = in_transaction(UserFacade.get, buyer.user_id)
    return with_etag(found.user, found.version)


handler = lambda_handler(api, access=USER, refusals=(UserNotFound,))
