"""POST /users/me/points/charges: a user charges points."""

from commerce.app.transactions import once
from commerce.entrypoints.http import USER, Buyer, RequestKey, http_api, lambda_handler
from commerce.point import BalanceView, ChargePoints, PointFacade

api = http_api()


@api.post("/users/me/points/charges")
def charge_points(command: ChargePoints, buyer: Buyer, key: RequestKey) -> tuple[BalanceView, int]:
    return once(key, PointFacade.charge, command, user_id=buyer.user_id), 201


handler = lambda_handler(api, access=USER, idempotent=True, success=(201,))
