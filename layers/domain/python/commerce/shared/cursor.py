"""Keyset cursors: positions in a list, bound to the list they came from."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import TypeAlias
from uuid import UUID

from commerce.shared.errors import CommerceError, Kind

Position: TypeAlias = Sequence[int | str]


class InvalidCursor(CommerceError):
    """The cursor does not belong to this list."""

    kind = Kind.INVALID
    code = "INVALID_CURSOR"
    default_detail = "Use next_cursor as it came, with the same sort and filter."


def encode(listing: str, position: Position) -> str:
    """Encode the position of the row after which `listing` continues."""
    text = json.dumps([listing, *position], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(listing: str, cursor: str, shape: Sequence[type]) -> list[int | str | UUID]:
    """Decode a cursor of this listing, exactly as it was encoded. Raises InvalidCursor."""
    try:
        padded = cursor.encode() + b"=" * (-len(cursor) % 4)
        _, *position = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        # Of another list, or not as it was encoded: padded, with blanks or bits that say nothing.
        if len(position) != len(shape) or encode(listing, position) != cursor:
            raise InvalidCursor
        return [_typed(value, kind) for value, kind in zip(position, shape, strict=True)]
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise InvalidCursor from error


def _typed(value: object, kind: type) -> int | str | UUID:
    if kind is UUID and isinstance(value, str) and str(found := UUID(value)) == value:
        return found
    if kind is int and type(value) is int and abs(value) < 2**63:
        return value
    if kind is str and isinstance(value, str):
        return value
    raise InvalidCursor


def parse_id(text: str) -> UUID | None:
    """Parse an id as callers send it; None where it cannot be one of ours."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None
