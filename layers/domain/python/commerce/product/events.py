"""Events of products. Those of stock are recorded by the statement that changes it."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductEvent(Event):
    """An event of one product."""

    source: ClassVar[str] = "commerce.product"

    product_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(ProductEvent):
    """The stock of a product has changed by `change`.

    `quantity` is what the seller saw left in all; the aggregate is the row that was sold from.
    """

    quantity: int
    change: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSoldOut(ProductEvent):
    """The last unit is sold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned(ProductEvent):
    """A product that was sold out can be bought again."""

    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChanged(ProductEvent):
    """An admin has edited a product. The edit is its own aggregate; `version` counts the edits."""

    brand_id: UUID
    name: str
    price: Money
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductViewed(ProductEvent):
    """Somebody viewed a product; the view is its own aggregate. Recorded by best effort."""
