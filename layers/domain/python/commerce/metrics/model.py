"""What one event adds to its products' day."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

COUNTED = ("views", "likes", "orders", "units", "amount")
"""What is counted of a product on each day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDelta:
    """So much more of each, for one product at one moment. What is taken back is negative."""

    product_id: UUID
    at: datetime
    views: int = 0
    likes: int = 0
    orders: int = 0
    units: int = 0
    amount: int = 0
    """In minor units of the shop's currency."""


@dataclass(frozen=True, slots=True)
class ProductRange:
    """The products after one id, up to another."""

    after_id: UUID
    upto_id: UUID
