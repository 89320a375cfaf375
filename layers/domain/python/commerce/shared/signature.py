"""Signatures that prove who sent a request, and when: an HMAC over its timestamp and body."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=5)  # how far two systems' clocks and the network may be off, either way


@dataclass(frozen=True, slots=True)
class SignatureHeaders:
    """The two headers that one kind of request is signed with.

    The timestamp is in seconds since the epoch; the signature is what `sign` makes of it.
    """

    timestamp: str
    signature: str

    def signed(self, body: bytes, secret: str, now: datetime) -> dict[str, str]:
        """Return both headers for a body that is sent now."""
        timestamp = str(int(now.timestamp()))
        return {self.timestamp: timestamp, self.signature: sign(timestamp, body, secret)}

    def are_valid(
        self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime
    ) -> bool:
        """Tell whether a body is signed under one of the secrets, within five minutes of now.

        There are two `secrets` while one is being replaced. Header names are matched in any case.
        """
        given = {name.lower(): value for name, value in headers.items()}
        timestamp = given.get(self.timestamp.lower(), "")
        signature = given.get(self.signature.lower(), "")
        return _is_recent(timestamp, now) and _is_of_one(signature, timestamp, body, secrets)


def sign(timestamp: str, body: bytes, secret: str) -> str:
    """Return the hexadecimal HMAC-SHA256 of "{timestamp}.{body}"."""
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
