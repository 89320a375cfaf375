"""Validation of the Idempotency-Key."""

import pytest

from commerce.entrypoints.http.request_keys import (
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    read_key,
)


@pytest.mark.parametrize("key", ["x" * 8, "x" * 64, "!#$%&'*+", "018f0000-0000-7000-8000-00000000"])
def test_a_valid_key_is_used_unchanged(key: str) -> None:
    assert read_key({"idempotency-key": key}) == key


def test_keys_keep_their_case() -> None:
    assert read_key({"idempotency-key": "ABCDEFGH"}) != read_key({"idempotency-key": "abcdefgh"})


def test_space_around_a_header_is_not_part_of_it() -> None:
    assert read_key({"idempotency-key": "  abcdefgh\t"}) == "abcdefgh"


@pytest.mark.parametrize("headers", [{}, {"idempotency-key": ""}, {"idempotency-key": "  "}])
def test_a_missing_key_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(IdempotencyKeyMissing):
        read_key(headers)


@pytest.mark.parametrize(
    "key", ["x" * 7, "x" * 65, "abcd efgh", "abcdefg\x00", "abcdefg\n1", "abcdefgé", "x" * 100_000]
)
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(IdempotencyKeyInvalid):
        read_key({"idempotency-key": key})
