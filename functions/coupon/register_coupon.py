"""POST /admin/coupons: an admin offers a coupon."""

from aws_lambda_powertools.event_handler import Response

from commerce.app.transactions import once
from commerce.coupon import CouponFacade, CouponView, RegisterCoupon
from commerce.entrypoints.http import (
    OptionalRequestKey,
    Scope,
    Staff,
    http_api,
    lambda_handler,
    with_etag,
)

api = http_api()


@api.post("/admin/coupons")
def register_coupon(
    command: RegisterCoupon, staff: Staff, key: OptionalRequestKey
) -> Response[CouponView]:
    coupon = once(key, CouponFacade.register, command, by=staff.by)
    return with_etag(coupon, 1, status=201)  # an offer is never edited


handler = lambda_handler(api, access=Scope.COUPONS, idempotent="optional", success=(201,))
