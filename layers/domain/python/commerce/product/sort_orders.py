"""How lists of products are walked: by which columns, from where, in which direction."""

from dataclasses import dataclass
from uuid import UUID

from commerce.product.commands import Sort


@dataclass(frozen=True, slots=True)
class SortOrder:
    """A sort's key (columns, each row's values unique), its first position, its direction."""

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
    """What a position's value in a column is called."""
    return f"after_{column}"


def page_name(sort: Sort, *, by_brand: bool) -> str:
    """What a list's statement is called."""
    return f"{sort} of brand" if by_brand else str(sort)
