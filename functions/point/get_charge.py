"""GET /users/me/points/charges/{charge_id}: a user reads one of their charges."""

from commerce.app.checkout import ChargePage, charge_page
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler
from commerce.point import ChargeNotFound, NotYourCharge

api = http_api()


@api.get("/users/me/points/charges/<charge_id>")
def get_charge(charge_id: str, buyer: Buyer) -> ChargePage:
    return charge_page(charge_id, buyer_id=buyer.user_id)


handler = lambda_handler(api, access=USER, refusals=(ChargeNotFound, NotYourCharge))
