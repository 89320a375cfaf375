"""A coupon on offer, and one user's copy of it: what it takes off an order, and when it may."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
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
    """What `value` is: an amount, or percents of the order's total."""

    FIXED = "FIXED"
    RATE = "RATE"


class IssuedStatus(StrEnum):
    """Whether an issued coupon can be used. Who has used it in time has used it: not expired."""

    AVAILABLE = "AVAILABLE"
    USED = "USED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon:
    """An offer, which never changes but in how many copies of it are issued.

    `as_of` is the moment it was read, by the clock of whoever keeps it: one clock says for all
    whether it is valid.
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
        """Whether its time is over."""
        return self.as_of >= self.valid_until

    def issue(self, id_: UUID, user_id: UUID) -> "IssuedCoupon":
        """A copy for a user. Raises CouponNotYetValid, CouponExpired, CouponSoldOut."""
        if self.as_of < self.valid_from:
            raise CouponNotYetValid(f"It can be had from {self.valid_from.isoformat()} on.")
        if self.is_expired:
            raise CouponExpired
        if self.issued_quantity >= self.total_quantity:
            raise CouponSoldOut
        issued = IssuedCoupon(id=id_, coupon=self, user_id=user_id)
        issued.tell(CouponIssued)
        return issued

    def discount_on(self, total: Money) -> Money:
        """What it takes off: never more than the cap or the total; a rate rounds half up."""
        amount = self.value
        if self.kind is Kind.RATE:
            amount = (total.amount * self.value + 50) // 100
        if self.max_discount is not None:
            amount = min(amount, self.max_discount)
        return Money(min(amount, total.amount), total.currency)


@dataclass(slots=True, kw_only=True)
class IssuedCoupon:
    """One user's copy. `version` counts the events it has told; `events` are not kept yet."""

    id: UUID
    coupon: Coupon
    user_id: UUID
    used_by_order: UUID | None = None
    version: int = 0
    events: list[Event] = field(default_factory=list, repr=False)

    @property
    def status(self) -> IssuedStatus:
        """Whether it can be used."""
        if self.used_by_order is not None:
            return IssuedStatus.USED
        return IssuedStatus.EXPIRED if self.coupon.is_expired else IssuedStatus.AVAILABLE

    def discount_on(self, total: Money) -> Money:
        """What it would take off an order of this total. Raises CouponNotUsable with the reason."""
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
        """Use it for an order: returns what it takes off. Raises CouponNotUsable."""
        discount = self.discount_on(total)
        self.used_by_order = order_id
        self.tell(CouponUsed, order_id=order_id, discount=discount)
        return discount

    def restore(self, order_id: UUID) -> None:
        """The order that used it is cancelled."""
        if self.used_by_order != order_id:
            raise ValueError(f"coupon {self.id} is not used by order {order_id}")
        self.used_by_order = None
        self.tell(CouponReturned, order_id=order_id)

    def tell(self, event: Callable[..., Event], **data: Any) -> None:
        """Remember what happened, to be told with the transaction that keeps it."""
        self.version += 1
        self.events.append(
            event(
                aggregate_id=self.id,
                aggregate_version=self.version,
                issued_coupon_id=self.id,
                coupon_id=self.coupon.id,
                user_id=self.user_id,
                **data,
            )
        )
