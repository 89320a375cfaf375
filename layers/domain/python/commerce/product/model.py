"""Products and their stock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from commerce.product.errors import OutOfStock, Shortage
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
    counted: int = field(default=0, compare=False)
    """The number of times that an admin has counted the units."""

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
    counted: int = 0
    terms: SaleTerms = field(default_factory=SaleTerms)
    at: datetime = field(default_factory=clock.now, compare=False)


def wanted_by_product(lines: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
    """Add up the quantity wanted of each product."""
    wanted: dict[UUID, int] = {}
    for product_id, quantity in lines:
        wanted[product_id] = wanted.get(product_id, 0) + quantity
    return wanted
