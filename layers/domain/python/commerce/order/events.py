"""What happens to orders."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.order"

MAX_TOTAL = 2**53 - 1
"""Most that an order may cost: every JSON reader knows so large an integer (RFC 8259 §6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOrdered:
    """One line of an order, as an event tells it. It costs no less than nothing."""

    product_id: UUID
    product_name: str
    unit_price: Money
    quantity: int

    def __post_init__(self) -> None:
        if self.quantity < 1 or not 0 <= self.unit_price.amount * self.quantity <= MAX_TOTAL:
            raise ValueError(f"{self.quantity} at {self.unit_price.amount} each")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(Event):
    """Somebody ordered: stock, points and coupon are taken."""

    source: ClassVar[str] = SOURCE

    order_id: UUID
    user_id: UUID
    lines: tuple[LineOrdered, ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(Event):
    """The order is paid for; it can be shipped."""

    source: ClassVar[str] = SOURCE

    order_id: UUID
    user_id: UUID
    lines: tuple[LineOrdered, ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(Event):
    """The order is called off: stock and points went back in the same transaction.

    `points_used` is what went back to the point account; `card_refund` is what a card had paid
    and must get back. Where `was_confirmed` is false, nothing was ever to be shipped.
    """

    source: ClassVar[str] = SOURCE

    order_id: UUID
    user_id: UUID
    lines: tuple[LineOrdered, ...]
    total: Money
    points_used: Money
    card_refund: Money
    was_confirmed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(Event):
    """The goods are on their way."""

    source: ClassVar[str] = SOURCE

    order_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDelivered(Event):
    """The goods have arrived."""

    source: ClassVar[str] = SOURCE

    order_id: UUID
    user_id: UUID
