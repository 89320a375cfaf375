"""Optimistic versions: whoever changes something says which version of it they have seen.

A version is a few numbers, the first of which grows with each edit. A tag (`"3.2-…"`) carries them
ahead of a digest; what a change looks at may be fewer of them than the tag has.
"""

import re
from collections.abc import Collection, Sequence
from typing import TypeAlias

from commerce.shared.errors import CommerceError, Kind

IfMatch: TypeAlias = Collection[Sequence[int]] | None
"""The versions of an If-Match header, any of which will do; None where it asks for nothing."""

_TAG = re.compile(r'(?:W/)?"(\d{1,18}(?:\.\d{1,18})*)(?:-[^"]*)?"')


class StaleVersion(CommerceError):
    """Somebody else has changed it since you looked."""

    kind = Kind.CONFLICT
    code = "STALE_VERSION"

    def __init__(self) -> None:
        super().__init__("Nothing was changed; look again, and send the version you find then.")


def if_match(header: str | None) -> IfMatch:
    """The versions that the header names. A tag that is none of ours matches nothing."""
    if header is None or header.strip() == "*":
        return None
    return [[int(part) for part in tag.split(".")] for tag in _TAG.findall(header)]


def require_seen(current: Sequence[int], if_match: IfMatch, version: int | None = None) -> None:
    """Raises StaleVersion where the header, or the body's `version`, names another version."""
    if version not in (None, current[0]):
        raise StaleVersion
    if if_match is not None and not any(_is(seen, current) for seen in if_match):
        raise StaleVersion


def outdated(if_match: IfMatch, version: int | None = None) -> StaleVersion | None:
    """Why a change lost to another: stale for who named a version; nothing for who may repeat."""
    return None if if_match is None and version is None else StaleVersion()


def _is(seen: Sequence[int], current: Sequence[int]) -> bool:
    shared = min(len(seen), len(current))
    return list(seen[:shared]) == list(current[:shared])
