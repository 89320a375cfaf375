"""The export of everything that is kept about a user."""

from dataclasses import asdict, is_dataclass
from typing import Any
from uuid import UUID

from pydantic import Field

from commerce.app.privacy.parts import EXPORTED
from commerce.app.shop import Shop
from commerce.shared import cursor
from commerce.shared.cursor import InvalidCursor
from commerce.shared.events import plain
from commerce.shared.schemas import Page, View

_LISTING = "export"
_SECTIONS = tuple(EXPORTED)


class KeptView(View):
    """One thing that is kept about the user: the section it belongs to, and all that it says."""

    section: str = Field(examples=["orders"])
    data: dict[str, Any]


def export(shop: Shop, *, user_id: UUID, limit: int, after: str | None) -> Page[KeptView]:
    """Return a page of everything that is kept about a user, section by section.

    A page has at least `limit` items unless it is the last one. Raises UserNotFound, InvalidCursor.
    """
    number, inner = _place(f"{_LISTING}:{user_id}", after)
    items: list[KeptView] = []
    while number < len(_SECTIONS) and len(items) < limit:
        section = _SECTIONS[number]
        page = EXPORTED[section](shop, user_id, limit - len(items), inner)
        items += [KeptView(section=section, data=_data(each)) for each in page.items]
        inner = page.next_cursor
        if inner is None:
            number += 1
    if number == len(_SECTIONS):
        return Page(items=items, next_cursor=None)
    place: cursor.Position = [number, inner or ""]
    return Page(items=items, next_cursor=cursor.encode(f"{_LISTING}:{user_id}", place))


def _place(listing: str, after: str | None) -> tuple[int, str | None]:
    if after is None:
        return 0, None
    number, inner = cursor.decode(listing, after, [int, str])
    if not 0 <= int(str(number)) < len(_SECTIONS):
        raise InvalidCursor
    return int(str(number)), str(inner) or None


def _data(item: Any) -> dict[str, Any]:
    if is_dataclass(item) and not isinstance(item, type):
        return {name: plain(value) for name, value in asdict(item).items()}
    found: dict[str, Any] = item.model_dump(mode="json")
    return found
