"""Errors of the product context."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from commerce.shared.errors import CommerceError, Kind


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product of which more was wanted than there is."""

    product_id: UUID
    requested: int
    available: int


class ProductNotFound(CommerceError):
    """There is no such product."""

    kind = Kind.NOT_FOUND
    code = "PRODUCT_NOT_FOUND"

    def __init__(self, product_ids: Iterable[str]) -> None:
        missing = list(product_ids)
        super().__init__(
            "Not found: " + ", ".join(missing),
            errors=[{"product_id": each} for each in missing],
        )


class OutOfStock(CommerceError):
    """There is not enough stock."""

    kind = Kind.CONFLICT
    code = "OUT_OF_STOCK"

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        self.shortages = list(shortages)
        super().__init__(
            "Nothing was ordered; `errors` names each line with what is left.",
            errors=[
                {
                    "product_id": str(each.product_id),
                    "requested": each.requested,
                    "available": each.available,
                }
                for each in shortages
            ],
        )


class Oversold(CommerceError):
    """More units are reserved than that would leave."""

    kind = Kind.CONFLICT
    code = "OVERSOLD"

    def __init__(self, by: int, order_ids: Sequence[UUID] = ()) -> None:
        self.by = by
        super().__init__(
            "Nothing was changed. Cancel orders, or return a drop's units, for the units in `by`;"
            " `order_ids` names the newest orders that hold units.",
            facts={"by": by, "order_ids": [str(each) for each in order_ids]},
        )
