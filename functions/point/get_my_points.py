"""GET /users/me/points: a user reads their points."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.point import PointFacade, PointsView

api = http_api()


@api.get("/users/me/points")
def get_my_points(buyer: Buyer) -> PointsView:
    return in_transaction(PointFacade.balance, buyer.user_id)


handler = lambda_handler(api, access=USER)
