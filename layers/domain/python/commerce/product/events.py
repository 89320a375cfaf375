"""Events of products. Those of stock are recorded by the statement that changes it."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.product"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(Event):
    """The stock of a product has changed by `change`.

    `quantity` is what the seller saw left in all; the aggregate is the row that was sold from.
    """

    source: ClassVar[str] = SOURCE

    product_id: UUID
    quantity: int
    change: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSoldOut(Event):
    """The last unit is sold."""

    source: ClassVar[str] = SOURCE

    product_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class StockReturned(Event):
    """A product that was sold out can be bought again."""

    source: ClassVar[str] = SOURCE

    product_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChanged(Event):
    """An admin has edited a product. The edit is its own aggregate; `version` counts the edits."""

    source: ClassVar[str] = SOURCE

    product_id: UUID
    brand_id: UUID
    name: str
    price: Money
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductViewed(Event):
    """Somebody viewed a product; the view is its own aggregate. Recorded by best effort."""

    source: ClassVar[str] = SOURCE

    product_id: UUID
