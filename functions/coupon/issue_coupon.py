"""POST /coupons/{coupon_id}/issues: a user gets their copy of a coupon; again, the same one."""

from commerce.app.transactions import in_transaction
from commerce.coupon import (
    CouponExpired,
    CouponFacade,
    CouponNotFound,
    CouponNotYetValid,
    CouponSoldOut,
    IssuedCouponView,
)
from commerce.entrypoints.http import USER, Buyer, http_api, lambda_handler

api = http_api()


@api.post("/coupons/<coupon_id>/issues")
def issue_coupon(coupon_id: str, user: Buyer) -> tuple[IssuedCouponView, int]:
    issued, is_new = in_transaction(CouponFacade.issue, coupon_id, user_id=user.user_id)
    return issued, 201 if is_new else 200


handler = lambda_handler(
    api,
    access=USER,
    success=(200, 201),
    refusals=(CouponNotFound, CouponNotYetValid, CouponExpired, CouponSoldOut),
)
