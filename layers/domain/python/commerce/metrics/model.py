"""Metric deltas: what events add to their products' days."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

COUNTED = ("views", "likes", "orders", "units", "amount")
"""The counts of a product and day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDelta:
    """What an event adds to a product's counts; negative where it takes something back."""

    product_id: UUID
    at: datetime
    views: int = 0
    likes: int = 0
    orders: int = 0
    units: int = 0
    amount: int = 0
    """In minor units of the shop's currency."""
