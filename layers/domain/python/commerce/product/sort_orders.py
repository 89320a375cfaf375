"""Sort orders of product lists: columns, first position, direction."""

from dataclasses import dataclass
from uuid import UUID

from commerce.product.commands import Sort


@dataclass(frozen=True, slots=True)
class SortOrder:
    """A sort's key (columns whose values are unique to a row), first position and direction."""

    key: tuple[str, ...]
    start: tuple[int | UUID, ...]
    descending: bool


_OLDEST, _NEWEST = UUID(int=0), UUID(int=2**128 - 1)
SORT_ORDERS = {
    Sort.LATEST: SortOrder(("id",), (_NEWEST,), descending=True),
    Sort.PRICE_ASC: SortOrder(("price_amount", "id"), (-1, _OLDEST), descending=False),
    Sort.LIKES_DESC: SortOrder(("like_count", "id"), (2**63 - 1, _NEWEST), descending=True),
}


def parameter(column: str) -> str:
    """Return the parameter name of a position's value in a column."""
    return f"after_{column}"


def page_name(sort: Sort, *, by_brand: bool) -> str:
    """Return the name of a list's statement."""
    return f"{sort} of brand" if by_brand else str(sort)
