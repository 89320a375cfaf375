"""The signature that proves that a callback comes from the gateway."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from commerce.shared.errors import CommerceError, Kind

TIMESTAMP_HEADER = "X-Gateway-Timestamp"
SIGNATURE_HEADER = "X-Gateway-Signature"
WINDOW = timedelta(minutes=5)  # how far the gateway's clock and the network may be off, either way


class BadSignature(CommerceError):
    """The callback is not signed by the gateway."""

    kind = Kind.UNAUTHENTICATED
    code = "BAD_SIGNATURE"


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Require a body signed under one of the secrets, within five minutes of now.

    The signature is the hexadecimal HMAC-SHA256 of "{timestamp}.{body}", the timestamp in seconds
    since the epoch. There are two `secrets` while one is being replaced. Raises BadSignature,
    which does not tell a forger what was wrong.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    signature = given.get(SIGNATURE_HEADER.lower(), "")
    if not _is_recent(timestamp, now) or not _is_of_one(signature, timestamp, body, secrets):
        raise BadSignature


def sign(timestamp: str, body: bytes, secret: str) -> str:
    """Sign as the gateway does."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        return False
    return abs(now.timestamp() - int(timestamp)) <= WINDOW.total_seconds()


def _is_of_one(signature: str, timestamp: str, body: bytes, secrets: Sequence[str]) -> bool:
    given = signature.encode(errors="replace")  # whatever bytes came, they must be comparable
    matches = [
        hmac.compare_digest(given, sign(timestamp, body, secret).encode())
        for secret in secrets
        if secret  # an empty one would let everybody sign
    ]
    return any(matches)
