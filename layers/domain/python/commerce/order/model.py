"""An order: the snapshot of what was bought, its status and its history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from commerce.order.errors import (
    OrderNotCancellable,
    OrderNotConfirmable,
    OrderNotDeliverable,
    OrderNotEditable,
    OrderNotExpirable,
    OrderNotPayable,
    OrderNotShippable,
    OrderTooLarge,
    PointsExceedTotal,
)
from commerce.order.events import (
    MAX_TOTAL,
    LineOrdered,
    OrderAddressChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderPlaced,
    OrderShipped,
)
from commerce.shared.errors import CommerceError
from commerce.shared.events import Event
from commerce.shared.money import Money
from commerce.shared.postal import PostalAddress

BY_BUYER = "Cancelled by its buyer"
"""The reason where the buyer gave none, and in what others are sent."""
PAYABLE_MINUTES = 15  # spec §4: so long an order may wait for its card payment


class Status(StrEnum):
    """The states of an order."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


# spec §4: DELIVERED and CANCELLED are final.
_TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELLED}),
    Status.CONFIRMED: frozenset({Status.SHIPPED, Status.CANCELLED}),
    Status.SHIPPED: frozenset({Status.DELIVERED, Status.CANCELLED}),
    Status.DELIVERED: frozenset(),
    Status.CANCELLED: frozenset(),
}


_EDITABLE = frozenset({Status.PENDING, Status.CONFIRMED})  # spec §4: until it is shipped


class PaymentMethod(StrEnum):
    """The ways to pay an order."""

    POINT = "POINT"
    CARD = "CARD"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A product that was bought, with its name and price at that moment."""

    product_id: UUID
    product_name: str
    brand_id: UUID
    brand_name: str
    unit_price: Money
    quantity: int
    discount: Money = field(default_factory=Money.zero)
    """The line's share of the order's discount, at most `amount`."""

    @property
    def amount(self) -> Money:
        """Unit price times quantity."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Discount:
    """The amount that an issued coupon takes off an order."""

    issued_coupon_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class OrderHistoryEntry:
    """A change of an order's status: who made it, when and why."""

    status: Status
    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AmountDue:
    """The amount that a card has yet to pay for an order."""

    order_id: UUID
    buyer_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True)
class Tracking:
    """The carrier of the goods and its number for them; either may be unknown."""

    carrier: str | None = None
    number: str | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """One user's order. `version` counts its events; those in `events` are not stored yet.

    `delivery_version` is the version at which what the delivery system has to know of it changed
    last, at `delivery_changed_at`; 0 where it is as it was placed.
    """

    id: UUID
    buyer_id: UUID
    status: Status
    payment_method: PaymentMethod
    lines: tuple[OrderLine, ...]
    discount: Money
    points_used: Money
    placed_at: datetime
    issued_coupon_id: UUID | None = None
    expires_at: datetime | None = None
    drop_entry_id: UUID | None = None
    ship_to: PostalAddress | None = field(default=None, repr=False)
    tracking: Tracking = Tracking()
    delivery_version: int = 0
    delivery_changed_at: datetime | None = None
    version: int = 0
    history: list[OrderHistoryEntry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @classmethod
    def paid_by_points(
        cls,
        *,
        id_: UUID,
        buyer_id: UUID,
        lines: Sequence[OrderLine],
        at: datetime,
        discount: Discount | None = None,
    ) -> Self:
        """Make an order that points pay after the discount: it is CONFIRMED at once.

        Raises OrderTooLarge.
        """
        points = cost_of(lines, discount)
        order = cls._place(PaymentMethod.POINT, id_, buyer_id, lines, points, at, discount)
        order.confirm(at=at, by=f"user:{buyer_id}", reason="Paid by points")
        return order

    @classmethod
    def awaiting_card(
        cls,
        *,
        id_: UUID,
        buyer_id: UUID,
        lines: Sequence[OrderLine],
        points: Money,
        at: datetime,
        expires_at: datetime,
        discount: Discount | None = None,
    ) -> Self:
        """Make an order that is paid by points in part, and otherwise by card.

        The discount comes first, and `points` may not exceed what it leaves. If nothing is left
        for the card, the order is CONFIRMED at once. Raises PointsExceedTotal, OrderTooLarge.
        """
        cost = cost_of(lines, discount)
        order = cls._place(PaymentMethod.CARD, id_, buyer_id, lines, points, at, discount)
        if cost < points:
            raise PointsExceedTotal(cost.amount)
        if order.card_amount.amount == 0:
            order.confirm(at=at, by=f"user:{buyer_id}", reason="Nothing was left for the card")
            return order
        order.expires_at = expires_at
        order.history.append(
            OrderHistoryEntry(Status.PENDING, at, f"user:{buyer_id}", "To be paid by card")
        )
        return order

    @property
    def total(self) -> Money:
        """The sum of the lines, before the discount."""
        return total_of(self.lines)

    @property
    def card_amount(self) -> Money:
        """The part that is paid by card."""
        return self.total - self.discount - self.points_used

    @property
    def shipped_at(self) -> datetime | None:
        """The time at which it was shipped."""
        return self._reached(Status.SHIPPED)

    @property
    def delivered_at(self) -> datetime | None:
        """The time at which it was delivered."""
        return self._reached(Status.DELIVERED)

    @property
    def was_shipped(self) -> bool:
        """True once its units have left the building, whatever became of it then."""
        return self.shipped_at is not None

    def can_become(self, status: Status) -> bool:
        """Return whether the order may change to this status now."""
        return status in _TRANSITIONS[self.status]

    def due(self, *, at: datetime) -> AmountDue:
        """Return what is to be paid by card at this time. Raises OrderNotPayable."""
        if self.payment_method is not PaymentMethod.CARD:
            raise OrderNotPayable("The order is paid by points.")
        if self.status is not Status.PENDING:
            raise OrderNotPayable(f"The order is {self.status}.")
        if self.expires_at is not None and at >= self.expires_at:
            raise OrderNotPayable("The time to pay the order is over; place it again.")
        return AmountDue(self.id, self.buyer_id, self.card_amount)

    def confirm(self, *, at: datetime, by: str, reason: str) -> None:
        """Confirm the order, which is paid. Raises OrderNotConfirmable."""
        self._change_status(Status.CONFIRMED, OrderNotConfirmable, at, by, reason)
        self._record_event(
            OrderConfirmed, lines=_event_lines(self.lines), total=self.total, confirmed_at=at
        )

    def change_address(self, ship_to: PostalAddress, *, at: datetime) -> None:
        """Have the goods sent elsewhere, until they are shipped. Raises OrderNotEditable."""
        if self.status not in _EDITABLE:
            raise OrderNotEditable(self.status)
        if ship_to != self.ship_to:
            self.ship_to = ship_to
            self._record_event(OrderAddressChanged)
            self.delivery_version, self.delivery_changed_at = self.version, at

    def ship(self, tracking: Tracking, *, at: datetime, by: str, reason: str) -> None:
        """Mark the order as shipped. Raises OrderNotShippable."""
        self._change_status(Status.SHIPPED, OrderNotShippable, at, by, reason)
        self.tracking = tracking
        self._record_event(OrderShipped)

    def deliver(self, *, at: datetime, by: str, reason: str) -> None:
        """Mark the order as delivered. Raises OrderNotDeliverable."""
        self._change_status(Status.DELIVERED, OrderNotDeliverable, at, by, reason)
        self._record_event(OrderDelivered)

    def cancel(self, *, at: datetime, by: str, reason: str, as_admin: bool = False) -> None:
        """Cancel the order: its buyer until it is shipped, an admin until it is delivered.

        The caller returns what it took in the same transaction. Raises OrderNotCancellable.
        """
        before = self.status
        if before is Status.SHIPPED and not as_admin:
            raise OrderNotCancellable(before)
        self._change_status(Status.CANCELLED, OrderNotCancellable, at, by, reason)
        was_confirmed = before is not Status.PENDING
        self._record_event(
            OrderCancelled,
            lines=_event_lines(self.lines),
            total=self.total,
            points_used=self.points_used,
            card_refund=self.card_amount if was_confirmed else Money.zero(self.total.currency),
            was_confirmed=was_confirmed,
            # Events carry no words of a buyer's, which may be personal.
            reason=BY_BUYER if by == f"user:{self.buyer_id}" else reason,
            confirmed_at=self._reached(Status.CONFIRMED),
        )

    def expire(self, *, at: datetime) -> None:
        """Cancel the order because it was not paid in time. Raises OrderNotExpirable."""
        if self.status is not Status.PENDING or self.expires_at is None or at < self.expires_at:
            raise OrderNotExpirable(self.status)
        self.cancel(at=at, by="system", reason="Not paid in time")

    @classmethod
    def _place(
        cls,
        payment_method: PaymentMethod,
        id_: UUID,
        buyer_id: UUID,
        lines: Sequence[OrderLine],
        points_used: Money,
        at: datetime,
        discount: Discount | None,
    ) -> Self:
        lines = _discounted(lines, discount.amount) if discount else lines
        order = cls(
            id=id_,
            buyer_id=buyer_id,
            status=Status.PENDING,
            payment_method=payment_method,
            lines=tuple(lines),
            discount=discount.amount if discount else Money.zero(points_used.currency),
            points_used=points_used,
            placed_at=at,
            issued_coupon_id=discount.issued_coupon_id if discount else None,
        )
        if order.points_used.amount < 0 or order.discount.amount > order.total.amount:
            raise ValueError("the discount exceeds the total, or points are negative")
        order._record_event(OrderPlaced, lines=_event_lines(order.lines), total=order.total)
        return order

    def _reached(self, status: Status) -> datetime | None:
        return next((each.at for each in self.history if each.status is status), None)

    def _change_status(
        self,
        status: Status,
        refusal: Callable[[str], CommerceError],
        at: datetime,
        by: str,
        reason: str,
    ) -> None:
        if not self.can_become(status):
            raise refusal(self.status)
        self.status = status
        self.history.append(OrderHistoryEntry(status, at, by, reason))

    def _record_event(self, event_class: Callable[..., Event], **data: Any) -> None:
        self.version += 1
        self.events.append(
            event_class(
                aggregate_id=self.id,
                aggregate_version=self.version,
                order_id=self.id,
                user_id=self.buyer_id,
                **data,
            )
        )


def total_of(lines: Sequence[OrderLine]) -> Money:
    """Return the sum of the lines. Raises CurrencyMismatch."""
    total = Money.zero(lines[0].unit_price.currency)
    for line in lines:
        total += line.amount
    return total


def cost_of(lines: Sequence[OrderLine], discount: Discount | None) -> Money:
    """Return what the lines cost after the discount. Raises OrderTooLarge."""
    total = total_of(lines)
    if total.amount > MAX_TOTAL:
        raise OrderTooLarge
    return total - discount.amount if discount else total


def _discounted(lines: Sequence[OrderLine], discount: Money) -> list[OrderLine]:
    parts = discount.allocate([line.amount.amount for line in lines])
    return [replace(line, discount=part) for line, part in zip(lines, parts, strict=True)]


def _event_lines(lines: Sequence[OrderLine]) -> tuple[LineOrdered, ...]:
    return tuple(
        LineOrdered(
            product_id=line.product_id,
            product_name=line.product_name,
            unit_price=line.unit_price,
            quantity=line.quantity,
        )
        for line in lines
    )
