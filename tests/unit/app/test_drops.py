"""The person who enters a drop, known by the address of their account."""

import pytest

from commerce.app.drops import person_of


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPRINT_KEY", "a key of this test alone")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wile@example.com", "WILE@Example.com"),
        ("wile@bücher.example", "wile@xn--bcher-kva.example"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
    ],
)
def test_two_ways_to_write_an_address_are_one_person(one: str, other: str) -> None:
    assert person_of(one) == person_of(other)


def test_two_addresses_are_two_persons() -> None:
    assert person_of("wile@example.com") != person_of("wile@example.org")
