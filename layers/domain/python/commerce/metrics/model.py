"""Metric deltas: what events add to their products' days."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

COUNTED = ("views", "likes", "orders", "units", "amount")
"""The counts of a product and day."""
NUMBERS_OF_DAYS = (1, 7, 31)
"""The numbers of days that are ranked together: a day, a week, the longest month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricDelta:
    """A change of a product's counts by an event; negative for a cancellation or unlike."""

    product_id: UUID
    at: datetime
    views: int = 0
    likes: int = 0
    orders: int = 0
    units: int = 0
    amount: int = 0
    """In minor units of the shop's currency."""
