"""The views of coupons."""

from typing import Annotated

from commerce.coupon.model import Coupon, IssuedCoupon, IssuedStatus, Kind
from commerce.shared.schemas import Timestamp, View, one_of


class CouponView(View):
    """An offer. `value` is minor units of KRW (FIXED) or percents (RATE); so are the limits."""

    coupon_id: str
    name: str
    kind: Annotated[str, one_of(Kind)]
    value: int
    max_discount: int | None
    min_order_amount: int
    total_quantity: int
    issued_quantity: int
    valid_from: Timestamp
    valid_until: Timestamp


class IssuedCouponView(View):
    """One user's copy of a coupon."""

    issued_coupon_id: str
    coupon_id: str
    status: Annotated[str, one_of(IssuedStatus)]


def coupon_view(coupon: Coupon) -> CouponView:
    """Make the view of an offer."""
    return CouponView(
        coupon_id=str(coupon.id),
        name=coupon.name,
        kind=coupon.kind.value,
        value=coupon.value,
        max_discount=coupon.max_discount,
        min_order_amount=coupon.min_order_amount,
        total_quantity=coupon.total_quantity,
        issued_quantity=coupon.issued_quantity,
        valid_from=coupon.valid_from,
        valid_until=coupon.valid_until,
    )


def issued_view(issued: IssuedCoupon) -> IssuedCouponView:
    """Make the view of a user's copy."""
    return IssuedCouponView(
        issued_coupon_id=str(issued.id),
        coupon_id=str(issued.coupon.id),
        status=issued.status.value,
    )
