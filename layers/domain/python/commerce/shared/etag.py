"""Optimistic locking: a change names the version that its caller has seen.

A version is one or more numbers, of which the first grows with each edit. An ETag (`"3.2-…"`) has
them before a digest; a change may compare fewer of them than the tag has.
"""

import re
from collections.abc import Collection, Sequence
from typing import TypeAlias

from commerce.shared.errors import CommerceError, Kind

IfMatch: TypeAlias = Collection[Sequence[int]] | None
"""The versions in an If-Match header, one of which must match; None where any version does."""

_TAG = re.compile(r'(?:W/)?"(\d{1,18}(?:\.\d{1,18})*)(?:-[^"]*)?"', re.ASCII)


class StaleVersion(CommerceError):
    """Somebody else has changed it since you looked."""

    kind = Kind.CONFLICT
    code = "STALE_VERSION"
    default_detail = "Nothing was changed; look again, and send the version you find then."


def if_match(header: str | None) -> IfMatch:
    """Parse an If-Match header. A tag that is not one of ours matches no version."""
    if header is None or header.strip() == "*":
        return None
    return [[int(part) for part in tag.split(".")] for tag in _TAG.findall(header)]


def require_seen(current: Sequence[int], if_match: IfMatch, version: int | None = None) -> None:
    """Raise StaleVersion where the header, or the body's `version`, names another version."""
    if version not in (None, current[0]):
        raise StaleVersion
    if if_match is not None and not any(_is(seen, current) for seen in if_match):
        raise StaleVersion


def is_seen(if_match: IfMatch, version: int, *, part: int) -> bool:
    """Return whether a tag has this version as that part, or no tag was asked for."""
    return if_match is None or any(seen[part : part + 1] == [version] for seen in if_match)


def outdated(if_match: IfMatch, version: int | None = None) -> StaleVersion | None:
    """Return the error of an outdated change; None where it named no version and can repeat."""
    return None if if_match is None and version is None else StaleVersion()


def _is(seen: Sequence[int], current: Sequence[int]) -> bool:
    shared = min(len(seen), len(current))
    return list(seen[:shared]) == list(current[:shared])
