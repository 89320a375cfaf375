"""Products and their stock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from commerce.product.errors import OutOfStock, Oversold, Shortage
from commerce.product.events import ProductChanged
from commerce.product.sale_terms import SaleTerms
from commerce.shared import clock
from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(slots=True)
class Stock:
    """The units of a product that can be sold. Never negative."""

    product_id: UUID
    quantity: int
    version: int = field(default=0, compare=False)
    """Grows with everything that moves the stock."""

    def is_available(self, quantity: int) -> bool:
        """Return whether so many units can be sold."""
        return 0 < quantity <= self.quantity

    def decrease(self, quantity: int) -> None:
        """Sell units. Raises OutOfStock and changes nothing if there are too few."""
        self._check(quantity)
        if quantity > self.quantity:
            raise OutOfStock([Shortage(self.product_id, quantity, self.quantity)])
        self.quantity -= quantity

    def increase(self, quantity: int) -> None:
        """Put units back."""
        self._check(quantity)
        self.quantity += quantity

    @staticmethod
    def _check(quantity: int) -> None:
        if quantity < 1:
            raise ValueError(f"a quantity is at least 1, not {quantity}")


def decrease_all(stocks: Mapping[UUID, Stock], wanted: Mapping[UUID, int]) -> None:
    """Sell several products, or none: OutOfStock names every line that cannot be served."""
    shortages = [
        Shortage(product_id, quantity, stocks[product_id].quantity)
        for product_id, quantity in wanted.items()
        if not stocks[product_id].is_available(quantity)
    ]
    if shortages:
        raise OutOfStock(shortages)
    for product_id, quantity in wanted.items():
        stocks[product_id].decrease(quantity)


class MovementReason(StrEnum):
    """The reasons for which units move."""

    SOLD = "SOLD"
    RETURNED = "RETURNED"
    """An order was cancelled before it was shipped, or goods came back."""

    SHIPPED = "SHIPPED"
    COUNTED = "COUNTED"
    RECEIVED = "RECEIVED"
    DAMAGED = "DAMAGED"
    LOST = "LOST"
    FOUND = "FOUND"
    CORRECTION = "CORRECTION"
    DROP_ALLOTTED = "DROP_ALLOTTED"
    DROP_RETURNED = "DROP_RETURNED"
    OPENED = "OPENED"
    """Takes out what was shipped while shipments were not recorded as movements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The reason of a movement, mostly a MovementReason, and who made it."""

    reason: str
    by: str
    order_id: UUID | None = None
    drop_id: UUID | None = None
    """The drop that holds more or less units by it."""

    note: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a product's available units, and of those on hand."""

    product_id: UUID
    change: int
    on_hand_change: int = 0


@dataclass(frozen=True, slots=True)
class Movement:
    """A move that was made."""

    id: int
    at: datetime
    move: Move
    cause: Cause


@dataclass(frozen=True, slots=True)
class Balance:
    """The units of a product in the building, and those of them that can be sold."""

    on_hand: int
    available: int

    @property
    def reserved(self) -> int:
        """Units that are sold or held and not shipped, and those that drops hold."""
        return self.on_hand - self.available

    def before(self, move: Move) -> "Balance":
        """Return the balance before a move that led to this one."""
        return Balance(self.on_hand - move.on_hand_change, self.available - move.change)


@dataclass(frozen=True, slots=True)
class StockLevels:
    """All that is known of a product's units at one moment."""

    product_id: UUID
    balance: Balance
    allotted: int = 0
    """Units that drops hold, a part of what is reserved."""

    version: int = 0
    """Grows with everything that moves the stock."""

    is_opened: bool = field(default=True, compare=False)
    """False while what was on hand before that was recorded is not known (decision 0012)."""

    is_striped: bool = field(default=False, compare=False)

    def move(self, change: int) -> Move:
        """Return the move of units into the building, or out of it, that are not reserved.

        Raises Oversold where fewer would be left than are reserved.
        """
        if self.balance.available + change < 0:
            raise Oversold(-(self.balance.available + change))
        return Move(self.product_id, change, change)

    def after(self, move: Move) -> "StockLevels":
        """Return the levels after a move that is stored; one that changes nothing counts too."""
        balance = Balance(
            self.balance.on_hand + move.on_hand_change, self.balance.available + move.change
        )
        return replace(self, balance=balance, version=self.version + 1)

    def allot(self, units: int) -> Move:
        """Return the move of available units to a drop. Raises OutOfStock."""
        if units > self.balance.available:
            raise OutOfStock([Shortage(self.product_id, units, self.balance.available)])
        return Move(self.product_id, -units)


@dataclass(slots=True)
class ProductSummary:
    """A product without its stock, as lists show it. `version` counts its edits."""

    id: UUID
    brand_id: UUID
    name: str
    description: str
    price: Money
    like_count: int
    version: int
    terms: SaleTerms = field(default_factory=SaleTerms, kw_only=True)
    is_sold_out: bool = field(default=False, kw_only=True)
    events: list[Event] = field(default_factory=list, repr=False, compare=False, kw_only=True)

    def edit(self, changes: Mapping[str, Any]) -> None:
        """Change the given fields, which makes the next version."""
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        self._record_event(
            ProductChanged,
            brand_id=self.brand_id,
            name=self.name,
            price=self.price,
            version=self.version,
        )

    def _record_event(self, event: Callable[..., Event], **data: Any) -> None:
        # An aggregate of its own: the product's versions are those of its stock's events.
        self.events.append(
            event(aggregate_id=clock.new_id(), aggregate_version=1, product_id=self.id, **data)
        )


PLAIN_FIELDS = [
    each.name
    for each in fields(ProductSummary)
    if each.name not in {"price", "terms", "is_sold_out", "events"}
]
"""The fields of a product that are stored as they are, in columns of the same names."""

NEVER_EDITED = frozenset({"id", "like_count", "price_currency"})
"""The columns of a product that no edit changes."""


@dataclass(slots=True)
class Product(ProductSummary):
    """A product with its stock, as they were at the database's time `read_at`."""

    created_at: datetime
    stock: Stock
    read_at: datetime = field(default_factory=clock.now, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ProductState:
    """A product's stock, likes and terms at the database's time `at`, with its `version`."""

    id: UUID
    version: int
    like_count: int
    stock_quantity: int
    stock_version: int = 0
    terms: SaleTerms = field(default_factory=SaleTerms)
    at: datetime = field(default_factory=clock.now, compare=False)


def wanted_by_product(lines: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
    """Add up the quantity wanted of each product."""
    wanted: dict[UUID, int] = {}
    for product_id, quantity in lines:
        wanted[product_id] = wanted.get(product_id, 0) + quantity
    return wanted
