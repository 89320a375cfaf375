"""An order: the snapshot of what was bought, its status and its history."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from commerce.order.errors import (
    NothingLeft,
    OrderNotCancellable,
    OrderNotConfirmable,
    OrderNotDeliverable,
    OrderNotEditable,
    OrderNotExpirable,
    OrderNotPayable,
    OrderNotShippable,
    OrderTooLarge,
    PointsExceedTotal,
    RefundExceedsPaid,
    ReturnNotFound,
    ReturnNotPossible,
)
from commerce.order.events import (
    MAX_TOTAL,
    LineCancelled,
    LineOrdered,
    LineReturned,
    OrderAddressChanged,
    OrderCancelled,
    OrderConfirmed,
    OrderDelivered,
    OrderLinesCancelled,
    OrderPlaced,
    OrderRefunded,
    OrderShipped,
    ReturnReceived,
    ReturnRequested,
)
from commerce.order.returns import (
    ReceivedUnits,
    Return,
    ReturnLine,
    ReturnStatus,
    open_units,
    require_units,
)
from commerce.shared import clock
from commerce.shared.errors import CommerceError
from commerce.shared.events import Event
from commerce.shared.money import Money
from commerce.shared.postal import PostalAddress

BY_BUYER = "Cancelled by its buyer"
"""The reason where the buyer gave none, and in what others are sent."""
PAID_BY_POINTS = "Paid by points"
NOTHING_FOR_THE_CARD = "Nothing was left for the card"
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
    cancelled_quantity: int = 0
    """The units that were cancelled in parts, while the order went on."""
    returned_quantity: int = 0

    @property
    def amount(self) -> Money:
        """Unit price times quantity."""
        return self.unit_price * self.quantity

    @property
    def quantity_left(self) -> int:
        """The units that were neither cancelled in parts nor returned."""
        return self.quantity - self.cancelled_quantity - self.returned_quantity

    def cost_of_next(self, units: int) -> Money:
        """Return what was paid for the next units that are given back.

        Of the line's discount, the first k of its n units bear k/n, rounded down: whatever the
        parts in which they are given back, the parts sum to the whole (spec §4).
        """
        before = self.quantity - self.quantity_left
        return self.unit_price * units - (
            self._discount_of_first(before + units) - self._discount_of_first(before)
        )

    def _discount_of_first(self, units: int) -> Money:
        share = self.discount.amount * units // self.quantity
        return Money(share, self.discount.currency)


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


class RefundKind(StrEnum):
    """The causes of a refund."""

    CANCELLATION = "CANCELLATION"
    RETURN = "RETURN"
    MANUAL = "MANUAL"
    """Staff made it, whatever became of the goods."""


@dataclass(frozen=True, slots=True)
class OrderRefund:
    """Money that goes back to the buyer: a part to the card, a part as points."""

    id: UUID
    kind: RefundKind
    card: Money
    points: Money
    at: datetime

    @property
    def amount(self) -> Money:
        """Both parts together."""
        return self.card + self.points


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
    last, at `delivery_changed_at`; 0 where it is as it was placed. `freed` are the units that its
    last change gave back, `refund` the money, and `changed_return` the return that it was about:
    none of them is stored yet.
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
    card_refunded: Money = field(default_factory=Money.zero)
    points_refunded: Money = field(default_factory=Money.zero)
    version: int = 0
    history: list[OrderHistoryEntry] = field(default_factory=list)
    refunds: list[OrderRefund] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    freed: tuple[tuple[UUID, int], ...] = ()
    refund: OrderRefund | None = None
    changed_return: Return | None = None

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
        order.confirm(at=at, by=f"user:{buyer_id}", reason=PAID_BY_POINTS)
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
            order.confirm(at=at, by=f"user:{buyer_id}", reason=NOTHING_FOR_THE_CARD)
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
    def refunded(self) -> Money:
        """The amount that goes back to the buyer: all that was paid, once it is cancelled."""
        if self.status is not Status.CANCELLED:
            return self.card_refunded + self.points_refunded
        was_confirmed = self._reached(Status.CONFIRMED) is not None
        return self.points_used + self.card_amount if was_confirmed else self.points_used

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
        card = self._card_left if was_confirmed else Money.zero(self.total.currency)
        points = self.points_used - self.points_refunded
        lines = [(line, line.quantity_left) for line in self.lines if line.quantity_left]
        self.freed = tuple((line.product_id, units) for line, units in lines)
        self._refund(RefundKind.CANCELLATION, card, points, at)
        self._record_event(
            OrderCancelled,
            lines=_event_lines([replace(line, quantity=units) for line, units in lines]),
            total=_price_of(lines),
            points_used=points,
            card_refund=card,
            was_confirmed=was_confirmed,
            reason=self._shown_reason(by, reason),
            confirmed_at=self._reached(Status.CONFIRMED),
        )

    def cancel_units(
        self,
        units: Mapping[str, int],
        *,
        at: datetime,
        by: str,
        reason: str,
        as_admin: bool = False,
    ) -> None:
        """Cancel so many units by product id; all that is left is the order itself.

        A part is cancelled while the order is CONFIRMED only. What was paid for it goes back to the
        card first, up to what it paid, and then as points.

        Raises OrderNotCancellable, NothingLeft.
        """
        self._require_left(units)
        if all(units.get(str(line.product_id), 0) == line.quantity_left for line in self.lines):
            self.cancel(at=at, by=by, reason=reason, as_admin=as_admin)
            return
        if self.status is not Status.CONFIRMED:
            raise OrderNotCancellable(self.status, "; only a CONFIRMED one is cancelled in part")
        gone = [(line, n) for line in self.lines if (n := units.get(str(line.product_id), 0))]
        self._refund_units(RefundKind.CANCELLATION, gone, at)
        self.lines = tuple(
            replace(line, cancelled_quantity=line.cancelled_quantity + units[str(line.product_id)])
            if str(line.product_id) in units
            else line
            for line in self.lines
        )
        self.freed = tuple((line.product_id, n) for line, n in gone)
        self.history.append(OrderHistoryEntry(self.status, at, by, reason))
        self._record_event(
            OrderLinesCancelled,
            lines=tuple(
                LineCancelled(
                    product_id=line.product_id,
                    product_name=line.product_name,
                    unit_price=line.unit_price,
                    quantity=n,
                    quantity_left=line.quantity_left - n,
                )
                for line, n in gone
            ),
            total=_price_of(gone),
            **self._refunded_by_means(),
            reason=self._shown_reason(by, reason),
            confirmed_at=self._reached(Status.CONFIRMED),
        )
        self.delivery_version, self.delivery_changed_at = self.version, at

    def request_return(
        self,
        id_: UUID,
        units: Mapping[str, tuple[int, str]],
        *,
        within: timedelta,
        at: datetime,
        by: str,
    ) -> None:
        """Let units go back, with the reason, by product id; so long after their delivery.

        Raises ReturnNotPossible.
        """
        if self.status is not Status.DELIVERED or self.delivered_at is None:
            raise ReturnNotPossible(f"The order is {self.status}; only a DELIVERED one goes back.")
        if at >= self.delivered_at + within:
            raise ReturnNotPossible(f"It could be returned within {within.days} days.")
        left = {
            str(line.product_id): line.quantity_left - open_units(self.returns, line.product_id)
            for line in self.lines
        }
        wanted = {product_id: n for product_id, (n, _) in units.items()}
        require_units(wanted, left, "Nothing is returned")
        gone = [
            (line, *units[str(line.product_id)])
            for line in self.lines
            if str(line.product_id) in units
        ]
        returned = Return(
            id=id_,
            status=ReturnStatus.REQUESTED,
            lines=tuple(
                ReturnLine(line.product_id, line.product_name, n, reason)
                for line, n, reason in gone
            ),
            requested_at=at,
        )
        self._change_return(returned, at, by, "Return requested")
        self._record_event(
            ReturnRequested,
            return_id=id_,
            lines=_event_lines([replace(line, quantity=n) for line, n, _ in gone]),
        )

    def withdraw_return(self, id_: UUID, *, at: datetime, by: str) -> None:
        """Let its buyer keep the units. Raises ReturnNotFound, ReturnNotPossible."""
        ended = self.find_return(id_).ended(ReturnStatus.WITHDRAWN, at=at)
        self._change_return(ended, at, by, "Return withdrawn")

    def reject_return(self, id_: UUID, *, at: datetime, by: str, reason: str) -> None:
        """Refuse the return. Raises ReturnNotFound, ReturnNotPossible."""
        ended = self.find_return(id_).ended(ReturnStatus.REJECTED, at=at, reason=reason)
        self._change_return(ended, at, by, f"Return rejected: {reason}")

    def receive_return(
        self, id_: UUID, units: Mapping[str, ReceivedUnits], *, at: datetime, by: str
    ) -> None:
        """Take back the units that came, by product id, for what was paid for them.

        Raises ReturnNotFound, ReturnNotPossible.
        """
        received = self.find_return(id_).received(units, at=at)
        came = {each.product_id: each for each in received.lines if each.received_quantity}
        gone = [
            (line, came[line.product_id].received_quantity)
            for line in self.lines
            if line.product_id in came
        ]
        self._refund_units(RefundKind.RETURN, gone, at)
        self.lines = tuple(
            replace(line, returned_quantity=line.returned_quantity + found.received_quantity)
            if (found := came.get(line.product_id))
            else line
            for line in self.lines
        )
        self.freed = tuple((line.product_id, n) for line, n in gone)
        refund_id = self.refund.id if self.refund else None
        self._change_return(replace(received, refund_id=refund_id), at, by, "Return received")
        self._record_event(
            ReturnReceived,
            return_id=id_,
            lines=tuple(
                LineReturned(
                    product_id=line.product_id,
                    product_name=line.product_name,
                    unit_price=line.unit_price,
                    quantity=n,
                    restocked_quantity=came[line.product_id].restocked_quantity,
                )
                for line, n in gone
            ),
            total=_price_of(gone),
            **self._refunded_by_means(),
        )

    def refund_by_staff(self, amount: Money, *, at: datetime, by: str, reason: str) -> None:
        """Refund an amount, to the card first, up to what it paid. Raises RefundExceedsPaid."""
        is_paid = self.status not in (Status.PENDING, Status.CANCELLED)
        points_left = self.points_used - self.points_refunded
        left = self._card_left + points_left if is_paid else Money.zero(self.total.currency)
        if left < amount:
            raise RefundExceedsPaid(left)
        card = min(amount, self._card_left)
        self._refund(RefundKind.MANUAL, card, amount - card, at)
        self.history.append(OrderHistoryEntry(self.status, at, by, f"Refunded: {reason}"))
        self._record_event(OrderRefunded, **self._refunded_by_means())

    def find_return(self, id_: UUID) -> Return:
        """Return one of the order's returns. Raises ReturnNotFound."""
        for each in self.returns:
            if each.id == id_:
                return each
        raise ReturnNotFound

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

    @property
    def _card_left(self) -> Money:
        return self.card_amount - self.card_refunded

    def _require_left(self, units: Mapping[str, int]) -> None:
        left = {str(line.product_id): line.quantity_left for line in self.lines}
        if not self.can_become(Status.CANCELLED):
            raise OrderNotCancellable(self.status)
        if any(wanted > left.get(id_, 0) for id_, wanted in units.items()):
            raise NothingLeft(units, left)

    def _refund_units(
        self, kind: RefundKind, gone: Sequence[tuple[OrderLine, int]], at: datetime
    ) -> None:
        """Refund what was paid for the units, and no more than is left of what was paid."""
        cost = Money.zero(self.total.currency)
        for line, units in gone:
            cost += line.cost_of_next(units)
        card = min(cost, self._card_left)
        points = min(cost - card, self.points_used - self.points_refunded)
        self._refund(kind, card, points, at)

    def _refund(self, kind: RefundKind, card: Money, points: Money, at: datetime) -> None:
        if card.amount or points.amount:
            self.refund = OrderRefund(clock.new_id(), kind, card, points, at)
            self.refunds.append(self.refund)
            self.card_refunded += card
            self.points_refunded += points

    def _refunded_by_means(self) -> dict[str, Money]:
        none = Money.zero(self.total.currency)
        return {
            "points_refund": self.refund.points if self.refund else none,
            "card_refund": self.refund.card if self.refund else none,
        }

    def _change_return(self, changed: Return, at: datetime, by: str, reason: str) -> None:
        others = [each for each in self.returns if each.id != changed.id]
        self.returns = sorted([*others, changed], key=lambda each: each.id)
        self.changed_return = changed
        self.history.append(OrderHistoryEntry(self.status, at, by, reason))

    def _shown_reason(self, by: str, reason: str) -> str:
        # Events carry no words of a buyer's, which may be personal.
        return BY_BUYER if by == f"user:{self.buyer_id}" else reason

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


def _price_of(units: Sequence[tuple[OrderLine, int]]) -> Money:
    return total_of([replace(line, quantity=n) for line, n in units])


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
