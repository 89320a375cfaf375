"""Keyset pagination: one page of a list, and the cursor of the next."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from commerce.shared import cursor
from commerce.shared.schemas import Page

T = TypeVar("T")
V = TypeVar("V")

_NEWEST = UUID(int=2**128 - 1)


def newest_first(
    listing: str,
    after: str | None,
    limit: int,
    read: Callable[[UUID, int], Sequence[Any]],
    show: Callable[[Any], V],
) -> Page[V]:
    """Read a page of a list in descending order of its ids.

    Args:
        listing: the list's name with its filter, to which its cursors are bound.
        after: the cursor of the page before, None for the first page.
        limit: items per page; one row more is read to see if there is a next page.
        read: called with an id and a limit, returns rows with smaller ids, newest first.
        show: makes an item from a row.

    Raises:
        InvalidCursor: the cursor belongs to another list.
    """
    before = cursor.decode(listing, after, [UUID])[0] if after else _NEWEST
    found = read(UUID(str(before)), limit + 1)
    return page_of(listing, found, limit, lambda row: [str(row.id)], show)


def page_of(
    listing: str,
    found: Sequence[T],
    limit: int,
    position: Callable[[T], cursor.Position],
    show: Callable[[T], V],
) -> Page[V]:
    """Make a page from up to `limit` + 1 rows; the extra row shows that there is a next page."""
    has_more = len(found) > limit
    return Page(
        items=[show(row) for row in found[:limit]],
        next_cursor=cursor.encode(listing, position(found[limit - 1])) if has_more else None,
    )
