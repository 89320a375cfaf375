"""The signature that proves that a callback comes from the gateway."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from commerce.shared.errors import CommerceError, Kind
from commerce.shared.signature import SignatureHeaders

CALLBACK_HEADERS = SignatureHeaders("X-Gateway-Timestamp", "X-Gateway-Signature")


class BadSignature(CommerceError):
    """The callback is not signed by the gateway."""

    kind = Kind.UNAUTHENTICATED
    code = "BAD_SIGNATURE"


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> None:
    """Require a body that the gateway signed under one of the secrets, within five minutes of now.

    Raises BadSignature, which does not tell a forger what was wrong.
    """
    if not CALLBACK_HEADERS.are_valid(headers, body, secrets, now):
        raise BadSignature
