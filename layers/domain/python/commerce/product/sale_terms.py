"""The terms on which a product is shown and sold."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from commerce.product.errors import SaleEndsBeforeItBegins

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""`visible_from` of a product that is shown from its registration on."""


class Availability(StrEnum):
    """The answer to whether a product can be bought now."""

    ON_SALE = "ON_SALE"
    UPCOMING = "UPCOMING"
    STANDBY = "STANDBY"
    """A drop sells it alone: units may come back until the drop's end."""

    SOLD_OUT = "SOLD_OUT"
    ENDED = "ENDED"
    HIDDEN = "HIDDEN"
    """Not shown to shoppers: only staff, who edit it, see this."""


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """Moments, which begin inclusively and end exclusively, and limits; None is none.

    A product without `visible_from` is a draft. Raises SaleEndsBeforeItBegins.
    """

    visible_from: datetime | None = ALWAYS
    archived_at: datetime | None = None
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    max_per_buyer: int | None = None
    """Units that one buyer may have."""
    hold_minutes: int | None = None
    """Time for which an unpaid order holds units."""

    def __post_init__(self) -> None:
        if self.sale_from and self.sale_until and self.sale_from >= self.sale_until:
            raise SaleEndsBeforeItBegins

    @property
    def shown_from(self) -> datetime | None:
        """The moment from which shoppers see it; None for a draft, and for an archived product."""
        return self.visible_from if self.archived_at is None else None

    @property
    def has_sale_window(self) -> bool:
        """True if it is a question of time whether it can be bought."""
        return self.sale_from is not None or self.sale_until is not None

    def is_visible(self, at: datetime) -> bool:
        """Return whether shoppers see it at this moment."""
        return self.shown_from is not None and self.shown_from <= at

    def availability(
        self, at: datetime, *, is_sold_out: bool, is_in_drop: bool = False
    ) -> Availability:
        """Return what is said of a product at this moment.

        Args:
            at: the moment.
            is_sold_out: no unit is available.
            is_in_drop: a drop sells the product alone.
        """
        if not self.is_visible(at):
            return Availability.HIDDEN
        if self.sale_from is not None and at < self.sale_from:
            return Availability.UPCOMING
        if self.sale_until is not None and at >= self.sale_until:
            return Availability.ENDED
        if is_in_drop:
            return Availability.STANDBY
        return Availability.SOLD_OUT if is_sold_out else Availability.ON_SALE
