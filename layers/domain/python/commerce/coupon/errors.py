"""The errors of the coupon context."""

from commerce.shared.errors import CommerceError, Kind


class CouponNotFound(CommerceError):
    """There is no such coupon."""

    kind = Kind.NOT_FOUND
    code = "COUPON_NOT_FOUND"


class CouponSoldOut(CommerceError):
    """Every copy of the coupon is issued."""

    kind = Kind.CONFLICT
    code = "COUPON_SOLD_OUT"


class CouponExpired(CommerceError):
    """The coupon is not valid any more."""

    kind = Kind.CONFLICT
    code = "COUPON_EXPIRED"


class CouponNotYetValid(CommerceError):
    """The coupon is not valid yet."""

    kind = Kind.CONFLICT
    code = "COUPON_NOT_YET_VALID"


class CouponNotUsable(CommerceError):
    """The coupon cannot be used for this order."""

    kind = Kind.CONFLICT
    code = "COUPON_NOT_USABLE"
