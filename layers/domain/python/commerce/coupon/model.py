"""A coupon on offer, one user's copy of it, and the rules for its discount."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from commerce.coupon.errors import (
    CouponExpired,
    CouponNotUsable,
    CouponNotYetValid,
    CouponSoldOut,
)
from commerce.coupon.events import CouponIssued, CouponReturned, CouponUsed
from commerce.shared.events import Event
from commerce.shared.money import Money


class Kind(StrEnum):
    """The meaning of `value`: an amount, or percents of the order's total."""

    FIXED = "FIXED"
    RATE = "RATE"


class IssuedStatus(StrEnum):
    """The states of an issued coupon. A used one stays USED when its time is over."""

    AVAILABLE = "AVAILABLE"
    USED = "USED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """An offer, of which only the number of issued copies changes.

    `as_of` is the time at which it was read, by the clock of the repository: one clock decides
    for all whether it is valid.
    """

    id: UUID
    name: str
    kind: Kind
    value: int
    max_discount: int | None
    min_order_amount: int
    currency: str
    total_quantity: int
    issued_quantity: int
    valid_from: datetime
    valid_until: datetime
    as_of: datetime = field(compare=False)

    @property
    def is_expired(self) -> bool:
        """True when its time is over."""
        return self.as_of >= self.valid_until

    def issue(self, id_: UUID, user_id: UUID) -> "IssuedCoupon":
        """Issue a copy to a user. Raises CouponNotYetValid, CouponExpired, CouponSoldOut."""
        if self.as_of < self.valid_from:
            raise CouponNotYetValid(f"It can be had from {self.valid_from.isoformat()} on.")
        if self.is_expired:
            raise CouponExpired
        if self.issued_quantity >= self.total_quantity:
            raise CouponSoldOut
        return IssuedCoupon.of(self, id_, user_id)

    def discount_on(self, total: Money) -> Money:
        """Calculate the discount: at most the limit and the total; a rate rounds half up."""
        amount = self.value
        if self.kind is Kind.RATE:
            amount = (total.amount * self.value + 50) // 100
        if self.max_discount is not None:
            amount = min(amount, self.max_discount)
        return Money(min(amount, total.amount), total.currency)


@dataclass(slots=True, kw_only=True)
class IssuedCoupon:
    """One user's copy. `version` counts its events; those in `events` are not stored yet."""

    id: UUID
    coupon: Coupon
    user_id: UUID
    used_by_order: UUID | None = None
    version: int = 0
    events: list[Event] = field(default_factory=list, repr=False)

    @classmethod
    def of(cls, coupon: Coupon, id_: UUID, user_id: UUID) -> Self:
        """Make a new copy of a coupon for a user."""
        issued = cls(id=id_, coupon=coupon, user_id=user_id)
        issued._record_event(CouponIssued)
        return issued

    @property
    def status(self) -> IssuedStatus:
        """USED, or EXPIRED or AVAILABLE at the time of reading."""
        if self.used_by_order is not None:
            return IssuedStatus.USED
        return IssuedStatus.EXPIRED if self.coupon.is_expired else IssuedStatus.AVAILABLE

    def discount_on(self, total: Money) -> Money:
        """Calculate its discount on this total. Raises CouponNotUsable with the reason."""
        coupon = self.coupon
        if self.status is IssuedStatus.USED:
            raise CouponNotUsable("It is used already.")
        if self.status is IssuedStatus.EXPIRED:
            raise CouponNotUsable("It has expired.")
        if coupon.as_of < coupon.valid_from:
            raise CouponNotUsable("It is not valid yet.")
        if total.currency != coupon.currency:
            raise CouponNotUsable(f"It is for orders in {coupon.currency}.")
        if total.amount < coupon.min_order_amount:
            raise CouponNotUsable(f"It is for orders of {coupon.min_order_amount} or more.")
        discount = coupon.discount_on(total)
        if discount.amount == 0:
            raise CouponNotUsable("It would take nothing off this order.")
        return discount

    def use(self, order_id: UUID, total: Money) -> Money:
        """Use it for an order and return the discount. Raises CouponNotUsable."""
        discount = self.discount_on(total)
        self.used_by_order = order_id
        self._record_event(CouponUsed, order_id=order_id, discount=discount)
        return discount

    def restore(self, order_id: UUID) -> None:
        """Make it usable again after its order was cancelled."""
        if self.used_by_order != order_id:
            raise ValueError(f"coupon {self.id} is not used by order {order_id}")
        self.used_by_order = None
        self._record_event(CouponReturned, order_id=order_id)

    def _record_event(self, event_class: Callable[..., Event], **data: Any) -> None:
        self.version += 1
        self.events.append(
            event_class(
                aggregate_id=self.id,
                aggregate_version=self.version,
                issued_coupon_id=self.id,
                coupon_id=self.coupon.id,
                user_id=self.user_id,
                **data,
            )
        )
