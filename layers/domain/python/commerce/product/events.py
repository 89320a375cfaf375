"""What happens to products. The stock's events are told by the statement that changes it."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.product"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockChanged(Event):
    """The quantity of a product is another: `quantity` is what is left in all after `change`.

    Sold out of a stripe the aggregate is the stripe, and `quantity` what its seller could see.
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
    """An admin has changed a product. The edit is its own aggregate; `version` counts the edits."""

    source: ClassVar[str] = SOURCE

    product_id: UUID
    brand_id: UUID
    name: str
    price: Money
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductViewed(Event):
    """Somebody looked at a product; the view is its own aggregate. Some are never told."""

    source: ClassVar[str] = SOURCE

    product_id: UUID
