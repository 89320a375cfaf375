"""GET /coupons: anyone lists the coupons that can be issued now, newest first."""

from commerce.app.transactions import in_transaction
from commerce.coupon import CouponFacade, CouponView
from commerce.entrypoints.http import Cursor, Limit, http_api, lambda_handler
from commerce.shared.schemas import Page

api = http_api()


@api.get("/coupons")
def list_coupons(limit: Limit = 20, cursor: Cursor = None) -> Page[CouponView]:
    return in_transaction(CouponFacade.offers, limit=limit, after=cursor)


handler = lambda_handler(api)
