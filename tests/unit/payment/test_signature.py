"""A callback is the gateway's where it is signed by it, just now, over these very bytes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from commerce.payment.signature import BadSignature, verify
from commerce.shared.signature import sign

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
BODY = '{"transactionKey": "TR-1", "reason": "한도"}'.encode()
TIMESTAMP = str(int(NOW.timestamp()))
NEW, OLD = "new", "old"


def headers(timestamp: str = TIMESTAMP, body: bytes = BODY, *, secret: str = NEW) -> dict[str, str]:
    """Return the headers that the gateway sends with a body."""
    return {
        "X-Gateway-Timestamp": timestamp,
        "X-Gateway-Signature": sign(timestamp, body, secret),
    }


def is_accepted(
    given: dict[str, str],
    body: bytes = BODY,
    secrets: Sequence[str] = (NEW, OLD),
    now: datetime = NOW,
) -> bool:
    try:
        verify(given, body, secrets, now)
    except BadSignature:
        return False
    return True


def test_the_signature_matches_the_contracts_example() -> None:
    # openssl dgst -sha256 -hmac secret
    expected = "49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
    assert sign("1700000000", b'{"a":1}', "secret") == expected


@pytest.mark.parametrize("secret", ["new", "old"])
def test_both_secrets_verify_during_a_rotation(secret: str) -> None:
    assert is_accepted(headers(secret=secret))


def test_signature_header_names_are_case_insensitive() -> None:
    assert is_accepted({name.lower(): value for name, value in headers().items()})
    assert is_accepted({name.upper(): value for name, value in headers().items()})


@pytest.mark.parametrize("seconds", [-300, -1, 0, 1, 300])
def test_a_timestamp_within_five_minutes_is_accepted(seconds: int) -> None:
    assert is_accepted(headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86400])
def test_a_timestamp_beyond_five_minutes_is_refused(seconds: int) -> None:
    assert not is_accepted(headers(), now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "timestamp",
    ["", "soon", "-5", "1e9", f" {TIMESTAMP}", f"{TIMESTAMP}.0", "9" * 400, "١٧٧٢٣٥٧٤٠٠"],
)
def test_an_invalid_timestamp_is_refused_even_if_signed(timestamp: str) -> None:
    assert not is_accepted(headers(timestamp))


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"X-Gateway-Timestamp": TIMESTAMP},
        {"X-Gateway-Signature": sign(TIMESTAMP, BODY, "new")},
        headers(secret="guessed"),
        headers(body=BODY + b" "),
        {**headers(), "X-Gateway-Timestamp": str(int(TIMESTAMP) + 1)},
        {**headers(), "X-Gateway-Signature": ""},
        {**headers(), "X-Gateway-Signature": "é" * 64},
        {**headers(), "X-Gateway-Signature": headers()["X-Gateway-Signature"][:-1]},
        {**headers(), "X-Gateway-Signature": headers()["X-Gateway-Signature"].upper()},
    ],
)
def test_a_forged_callback_is_refused(forged: dict[str, str]) -> None:
    assert not is_accepted(forged)


def test_a_changed_body_is_refused() -> None:
    assert not is_accepted(headers(), BODY.replace(b"TR-1", b"TR-2"))


@pytest.mark.parametrize("secrets", [(), ("",), ("", "other")])
def test_without_a_secret_no_callback_is_accepted(secrets: Sequence[str]) -> None:
    assert not is_accepted(headers(secret=""), secrets=secrets)
