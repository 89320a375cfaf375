"""Striped stocks, and the sales spikes that they are striped for."""

from dataclasses import dataclass, field
from uuid import UUID

from commerce.product.model import Stock

STRIPES_IN_A_SPIKE = 16
"""Rows of a stock in a sales spike; measured by `make bench BENCH=stripes`."""


@dataclass(slots=True)
class StripedStock(Stock):
    """A stock that is dealt out to stripes. `quantity` is the sum of all its rows."""

    stripes: tuple[int, ...] = field(default=(), compare=False)
    """The units in each stripe, by its number."""

    def stripes_with_more_than(self, quantity: int) -> list[int]:
        """Return the numbers of the stripes that can sell so many units and keep at least one."""
        return [number for number, units in enumerate(self.stripes) if units > quantity]


@dataclass(frozen=True, slots=True)
class Striping:
    """The number of rows that buyers of a product queue on."""

    product_id: UUID
    rows: int
    is_fixed: bool
    """True where an admin has decided it."""


@dataclass(frozen=True, slots=True)
class SalesSpike:
    """A product that sells too much for one row, or too little for several."""

    product_id: UUID
    is_striped: bool
    sales: int
    """In the time that was looked at."""
