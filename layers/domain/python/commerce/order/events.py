"""The events of orders."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money
from commerce.shared.schemas import Moment

MAX_TOTAL = 2**53 - 1
"""The largest total of an order: every JSON parser reads it exactly (RFC 8259 §6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOrdered:
    """One line of an order, as events carry it."""

    product_id: UUID
    product_name: str
    unit_price: Money
    quantity: int

    def __post_init__(self) -> None:
        if self.quantity < 1 or not 0 <= self.unit_price.amount * self.quantity <= MAX_TOTAL:
            raise ValueError(f"{self.quantity} at {self.unit_price.amount} each")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent(Event):
    """An event of one order and its buyer."""

    source: ClassVar[str] = "commerce.order"

    order_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPlaced(OrderEvent):
    """An order was placed: stock, points and coupon are taken."""

    lines: tuple[LineOrdered, ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderConfirmed(OrderEvent):
    """The order is paid, and can be shipped."""

    lines: tuple[LineOrdered, ...]
    total: Money
    confirmed_at: Moment | None = None
    """None in events recorded before this field existed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCancelled(OrderEvent):
    """The order was cancelled; its stock, points and coupon were returned in that transaction.

    All that was left of it: `lines` and `total` are without units that were cancelled before.
    `points_used` was returned to the point account; `card_refund` is still to be refunded to the
    card. If `was_confirmed` is false, the order was never to be shipped.
    """

    lines: tuple[LineOrdered, ...]
    total: Money
    points_used: Money
    card_refund: Money
    was_confirmed: bool
    reason: str
    confirmed_at: Moment | None = None
    """None if it never was, and in events recorded before this field existed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineCancelled(LineOrdered):
    """Units of a line that were cancelled, and how many are left of it."""

    quantity_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLinesCancelled(OrderEvent):
    """Some units of a confirmed order were cancelled; they are in stock again.

    `points_refund` is on the point account again; `card_refund` is still to be refunded to the
    card. `total` is what the units cost before the discount.
    """

    lines: tuple[LineCancelled, ...]
    total: Money
    points_refund: Money
    card_refund: Money
    reason: str
    confirmed_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRequested(OrderEvent):
    """The buyer of a delivered order wants to send units back."""

    return_id: UUID
    lines: tuple[LineOrdered, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineReturned(LineOrdered):
    """Units of a line that were received, and how many of them can be sold again."""

    restocked_quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnReceived(OrderEvent):
    """Units that were sent back have arrived; those that can be sold again are in stock.

    `points_refund` is on the point account again; `card_refund` is still to be refunded to the
    card. `total` is what the units cost before the discount.
    """

    return_id: UUID
    lines: tuple[LineReturned, ...]
    total: Money
    points_refund: Money
    card_refund: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRefunded(OrderEvent):
    """Staff refunded a part of what was paid, while the goods stay where they are.

    `points_refund` is on the point account again; `card_refund` is still to be refunded to the
    card.
    """

    points_refund: Money
    card_refund: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAddressChanged(OrderEvent):
    """The goods are to go to another address, which the order has: events carry none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(OrderEvent):
    """The goods are on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDelivered(OrderEvent):
    """The goods have arrived."""
