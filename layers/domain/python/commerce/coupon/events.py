"""The events of issued coupons. Each is an aggregate of its own."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.coupon"


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponIssued(Event):
    """A user was issued a copy of a coupon."""

    source: ClassVar[str] = SOURCE

    issued_coupon_id: UUID
    coupon_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponUsed(Event):
    """An order was placed with the coupon, for a discount."""

    source: ClassVar[str] = SOURCE

    issued_coupon_id: UUID
    coupon_id: UUID
    user_id: UUID
    order_id: UUID
    discount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponReturned(Event):
    """The coupon's order was cancelled: it can be used again while it is valid."""

    source: ClassVar[str] = SOURCE

    issued_coupon_id: UUID
    coupon_id: UUID
    user_id: UUID
    order_id: UUID
