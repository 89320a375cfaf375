"""A product, and the stock that only ever has what it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from commerce.product.errors import OutOfStock, Shortage
from commerce.product.events import ProductChanged
from commerce.shared import clock
from commerce.shared.money import Money

STRIPES = 16
"""Rows that a rush is dealt out to; measured by `make bench BENCH=stripes`."""


@dataclass(slots=True)
class Stock:
    """How many units of a product can be sold. Never negative."""

    product_id: UUID
    quantity: int
    counted: int = field(default=0, compare=False)
    """How often an admin has said how many there are."""
    stripes: tuple[int, ...] = field(default=(), compare=False)
    """How many of the units are in each of its stripes; empty where it has none."""
    stripes_fixed: bool = field(default=False, compare=False)
    """Whether an admin has said how many stripes there are."""

    def is_available(self, quantity: int) -> bool:
        """Whether so many can be sold."""
        return 0 < quantity <= self.quantity

    def decrease(self, quantity: int) -> None:
        """Sell units. Raises OutOfStock and changes nothing where there are too few."""
        self._check(quantity)
        if quantity > self.quantity:
            raise OutOfStock([Shortage(self.product_id, quantity, self.quantity)])
        self.quantity -= quantity

    def increase(self, quantity: int) -> None:
        """Take units back."""
        self._check(quantity)
        self.quantity += quantity

    @property
    def rows(self) -> int:
        """How many rows buyers queue on."""
        return max(1, len(self.stripes))

    def stripes_with_more_than(self, quantity: int) -> list[int]:
        """The numbers of the stripes that can sell so many and are not empty then."""
        return [number for number, units in enumerate(self.stripes) if units > quantity]

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
    """What a list shows of a product: all but its stock."""

    id: UUID
    brand_id: UUID
    name: str
    description: str
    price: Money
    like_count: int
    version: int

    def edit(self, changes: Mapping[str, Any]) -> Self:
        """The same product with some fields changed: its next version."""
        return replace(self, **changes, version=self.version + 1)

    def changed(self) -> ProductChanged:
        """What is told of its last edit."""
        return ProductChanged(
            aggregate_id=clock.new_id(),
            aggregate_version=1,
            product_id=self.id,
            brand_id=self.brand_id,
            name=self.name,
            price=self.price,
            version=self.version,
        )


@dataclass(slots=True)
class Product(ProductSummary):
    """What is sold, by which brand, at what price."""

    created_at: datetime
    stock: Stock


@dataclass(frozen=True, slots=True)
class ProductState:
    """What others than an admin change of a product, as of one moment, with its `version`."""

    id: UUID
    version: int
    like_count: int
    stock_quantity: int
    counted: int = 0


@dataclass(frozen=True, slots=True)
class SalesSpike:
    """A product that sells too much for one row, or too little for several."""

    product_id: UUID
    is_striped: bool
    sales: int
    """In the time that was looked at."""


def wanted_by_product(lines: Sequence[tuple[UUID, int]]) -> dict[UUID, int]:
    """The quantity wanted of each product."""
    wanted: dict[UUID, int] = {}
    for product_id, quantity in lines:
        wanted[product_id] = wanted.get(product_id, 0) + quantity
    return wanted
