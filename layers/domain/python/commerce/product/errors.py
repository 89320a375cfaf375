"""Errors of the product context."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from commerce.shared import clock
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


@dataclass(frozen=True, slots=True)
class SaleWindow:
    """The time in which a product is sold; None where it has no bound."""

    product_id: UUID
    sale_from: datetime | None
    sale_until: datetime | None


class NotOnSale(CommerceError):
    """The product is not sold yet, or no longer."""

    kind = Kind.CONFLICT
    code = "NOT_ON_SALE"

    def __init__(self, windows: Sequence[SaleWindow], retry_after_seconds: int | None) -> None:
        shown = [
            {
                "product_id": str(each.product_id),
                "sale_from": clock.rfc3339(each.sale_from) if each.sale_from else None,
                "sale_until": clock.rfc3339(each.sale_until) if each.sale_until else None,
            }
            for each in windows
        ]
        super().__init__(
            "Nothing was ordered; `errors` names each product with the time of its sale.",
            errors=shown,
            facts={name: shown[0][name] for name in ("sale_from", "sale_until")},
            retry_after_seconds=retry_after_seconds,
        )


class SaleEndsBeforeItBegins(CommerceError):
    """A sale must begin before it ends."""

    kind = Kind.INVALID
    code = "SALE_ENDS_BEFORE_IT_BEGINS"

    def __init__(self) -> None:
        message = "Must be later than sale_from."
        errors = [{"field": "sale_until", "message": message, "code": self.code.lower()}]
        super().__init__(message, errors=errors)
