"""An order: the snapshot of what was bought, and its way."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

from commerce.order.events import LineOrdered, OrderConfirmed, OrderPlaced
from commerce.shared.events import Event
from commerce.shared.money import Money


class Status(StrEnum):
    """Where an order is on its way."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class PaymentMethod(StrEnum):
    """How an order is paid."""

    POINT = "POINT"


@dataclass(frozen=True, slots=True)
class OrderLine:
    """What was bought, as it was called and priced at that moment."""

    product_id: UUID
    product_name: str
    brand_id: UUID
    brand_name: str
    unit_price: Money
    quantity: int

    @property
    def amount(self) -> Money:
        """What the line costs."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of an order's history: who brought it there, when and why."""

    status: Status
    at: datetime
    by: str
    reason: str


@dataclass(slots=True, kw_only=True)
class Order:
    """One user's order. `version` counts the events it has told."""

    id: UUID
    buyer_id: UUID
    status: Status
    payment_method: PaymentMethod
    lines: tuple[OrderLine, ...]
    discount: Money
    points_used: Money
    placed_at: datetime
    expires_at: datetime | None = None
    version: int = 0
    history: list[Step] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @classmethod
    def paid_by_points(
        cls, *, id_: UUID, buyer_id: UUID, lines: Sequence[OrderLine], at: datetime
    ) -> Self:
        """Place an order and pay all of it by points: confirmed at once."""
        total = total_of(lines)
        order = cls(
            id=id_,
            buyer_id=buyer_id,
            status=Status.PENDING,
            payment_method=PaymentMethod.POINT,
            lines=tuple(lines),
            discount=Money.zero(total.currency),
            points_used=total,
            placed_at=at,
        )
        order._tell(OrderPlaced)
        order._go(Status.CONFIRMED, at=at, by=f"user:{buyer_id}", reason="Paid by points")
        order._tell(OrderConfirmed)
        return order

    @property
    def total(self) -> Money:
        """What the lines cost together."""
        return total_of(self.lines)

    @property
    def card_amount(self) -> Money:
        """What is left to be paid by card."""
        return self.total - self.discount - self.points_used

    def _go(self, status: Status, *, at: datetime, by: str, reason: str) -> None:
        self.status = status
        self.history.append(Step(status, at, by, reason))

    def _tell(self, event: type[OrderPlaced | OrderConfirmed]) -> None:
        self.version += 1
        self.events.append(
            event(
                aggregate_id=self.id,
                aggregate_version=self.version,
                order_id=self.id,
                user_id=self.buyer_id,
                lines=tuple(_told(line) for line in self.lines),
                total=self.total,
            )
        )


def total_of(lines: Sequence[OrderLine]) -> Money:
    """The sum of the lines. Raises CurrencyMismatch where they do not add up."""
    total = Money.zero(lines[0].unit_price.currency)
    for line in lines:
        total += line.amount
    return total


def _told(line: OrderLine) -> LineOrdered:
    return LineOrdered(
        product_id=line.product_id,
        product_name=line.product_name,
        unit_price=line.unit_price,
        quantity=line.quantity,
    )
