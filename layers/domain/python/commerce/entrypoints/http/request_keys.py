"""The Idempotency-Key of a request."""

import re
from collections.abc import Mapping

from commerce.shared.errors import CommerceError, Kind

_KEY = re.compile(r"[\x21-\x7e]{8,64}")  # spec §3.1: 8–64 characters; visible ASCII, as in a header


class IdempotencyKeyMissing(CommerceError):
    """An Idempotency-Key header is needed."""

    kind = Kind.MALFORMED
    code = "IDEMPOTENCY_KEY_MISSING"
    default_detail = "Send 8 to 64 characters, new for each request, the same for each retry."


class IdempotencyKeyInvalid(CommerceError):
    """The Idempotency-Key is not 8 to 64 visible ASCII characters."""

    kind = Kind.MALFORMED
    code = "IDEMPOTENCY_KEY_INVALID"


def find_key(headers: Mapping[str, str]) -> str | None:
    """Return the request's Idempotency-Key, if it has one. Raises IdempotencyKeyInvalid."""
    key = headers.get("idempotency-key", "").strip()
    if key and not _KEY.fullmatch(key):
        raise IdempotencyKeyInvalid
    return key or None


def read_key(headers: Mapping[str, str]) -> str:
    """Return the Idempotency-Key. Raises IdempotencyKeyMissing or IdempotencyKeyInvalid."""
    key = find_key(headers)
    if key is None:
        raise IdempotencyKeyMissing
    return key
