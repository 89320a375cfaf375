"""POST /admin/coupons: an admin offers a coupon."""

from aws_lambda_powertools.event_handler import Response

from commerce.bootstrap import in_transaction
from commerce.coupon import CouponView, RegisterCoupon
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler, tagged

api = http_api()


@api.post("/admin/coupons")
def register_coupon(command: RegisterCoupon, admin: Admin) -> Response[CouponView]:
    coupon = in_transaction(lambda shop: shop.coupons.register(command, by=admin.by))
    return tagged(coupon, 1, status=201)  # an offer is never edited


handler = lambda_handler(api, access=ADMIN, success=(201,))
