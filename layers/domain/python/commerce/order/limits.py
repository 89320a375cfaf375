"""Limits that keep units for those who pay: spec §4."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from commerce.order.errors import HoldCooldown, PurchaseLimitExceeded
from commerce.runtime import settings

MAX_UNITS_PER_LINE = 99  # spec §4
MAX_UNPAID_ORDERS = 3  # spec §4
HOLD_LAPSES = 3  # spec §4
COOLDOWN = timedelta(hours=1)
"""spec §4: so many lapses within it lead to a cool-down that is as long."""


def max_units_per_line() -> int:
    """Return the largest quantity of an order line."""
    return settings.number("MAX_UNITS_PER_LINE", MAX_UNITS_PER_LINE)


@dataclass(frozen=True, slots=True)
class HoldLimits:
    """Limits of the orders that hold units without being paid."""

    unpaid_orders: int = MAX_UNPAID_ORDERS
    lapses: int = HOLD_LAPSES

    @classmethod
    def from_settings(cls) -> "HoldLimits":
        """Read MAX_UNPAID_ORDERS and HOLD_LAPSES from the environment."""
        return cls(
            settings.number("MAX_UNPAID_ORDERS", MAX_UNPAID_ORDERS),
            settings.number("HOLD_LAPSES", HOLD_LAPSES),
        )


@dataclass(frozen=True, slots=True)
class LimitedPurchase:
    """The units of a product that an order wants, and the most that one buyer may have."""

    product_id: UUID
    requested: int
    limit: int


def exceeded(
    purchases: Sequence[LimitedPurchase], taken: Mapping[UUID, int]
) -> PurchaseLimitExceeded | None:
    """Return the refusal of purchases beside what the buyer has taken; None if all are allowed."""
    over = [
        {
            "product_id": str(each.product_id),
            "limit": each.limit,
            "already": taken.get(each.product_id, 0),
            "requested": each.requested,
        }
        for each in purchases
        if taken.get(each.product_id, 0) + each.requested > each.limit
    ]
    return PurchaseLimitExceeded(over) if over else None


def cooling_down(last_lapse: datetime | None, *, at: datetime) -> HoldCooldown | None:
    """Return the refusal during the cool-down that began with a lapse."""
    if last_lapse is None or at >= last_lapse + COOLDOWN:
        return None
    return HoldCooldown(math.ceil((last_lapse + COOLDOWN - at).total_seconds()))
