"""GET /users/me/coupons: a user lists their coupons, newest first."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from commerce.app.transactions import in_transaction
from commerce.coupon import CouponFacade, IssuedCouponView, IssuedStatus
from commerce.entrypoints.http import USER, Buyer, Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/users/me/coupons")
def list_my_coupons(
    user: Buyer,
    status: Annotated[IssuedStatus | None, Query(description="Those only")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> Page[IssuedCouponView]:
    return in_transaction(
        CouponFacade.list, user_id=user.user_id, status=status, limit=limit, after=cursor
    )


handler = lambda_handler(api, access=USER)
