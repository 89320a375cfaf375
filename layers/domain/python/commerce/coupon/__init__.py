"""Coupons: offers, the copies issued to users, and the discounts they give on orders."""

from commerce.coupon.commands import RegisterCoupon
from commerce.coupon.errors import (
    CouponExpired,
    CouponNotFound,
    CouponNotUsable,
    CouponNotYetValid,
    CouponSoldOut,
)
from commerce.coupon.events import CouponIssued, CouponReturned, CouponUsed
from commerce.coupon.facade import CouponFacade, Quote
from commerce.coupon.model import IssuedStatus
from commerce.coupon.views import CouponView, IssuedCouponView

__all__ = [
    "CouponExpired", "CouponFacade", "CouponIssued", "CouponNotFound", "CouponNotUsable",
    "CouponNotYetValid", "CouponReturned", "CouponSoldOut", "CouponUsed", "CouponView",
    "IssuedCouponView", "IssuedStatus", "Quote", "RegisterCoupon",
]  # fmt: skip
