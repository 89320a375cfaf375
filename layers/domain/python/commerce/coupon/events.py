"""The events of issued coupons. Each is an aggregate of its own."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCouponEvent(Event):
    """An event of one user's copy of a coupon."""

    source: ClassVar[str] = "commerce.coupon"

    issued_coupon_id: UUID
    coupon_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponIssued(IssuedCouponEvent):
    """A user was issued a copy of a coupon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponUsed(IssuedCouponEvent):
    """An order was placed with the coupon, for a discount."""

    order_id: UUID
    discount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponReturned(IssuedCouponEvent):
    """The coupon's order was cancelled: it can be used again while it is valid."""

    order_id: UUID
