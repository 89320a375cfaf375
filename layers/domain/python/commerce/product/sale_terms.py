"""The terms on which a product is sold."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """The units that one buyer may have, and the time for which an unpaid order holds them."""

    max_per_buyer: int | None = None
    hold_minutes: int | None = None
