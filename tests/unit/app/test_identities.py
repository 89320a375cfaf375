"""The person who enters a drop: known by the address of the account, or by the identity hook."""

import sys
from types import ModuleType
from uuid import UUID

import pytest

from commerce.app.identities import person_of

USER, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINGERPRINT_KEY", "a key of this test alone")


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[UUID, str]:
    """A hook that knows these users."""
    found: dict[UUID, str] = {}
    module = ModuleType("a_shops_identities")
    module.identity = lambda user_id, _: found.get(user_id)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("IDENTITY_HOOK", "a_shops_identities:identity")
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wile@example.com", "WILE@Example.com"),
        ("wile@bücher.example", "wile@xn--bcher-kva.example"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
    ],
)
def test_two_ways_to_write_an_address_are_one_person(one: str, other: str) -> None:
    assert person_of(USER, one) == person_of(OTHER, other)


def test_two_addresses_are_two_persons() -> None:
    assert person_of(USER, "wile@example.com") != person_of(USER, "wile@example.org")


def test_two_accounts_of_one_identity_are_one_person(known: dict[UUID, str]) -> None:
    known |= {USER: "passport 7", OTHER: "passport 7"}

    person = person_of(USER, "wile@example.com")

    assert person == person_of(OTHER, "road@example.com")
    assert "passport" not in str(person)


def test_an_identity_is_no_address(known: dict[UUID, str]) -> None:
    known[USER] = "wile@example.com"
    person = person_of(USER, "wile@example.com")

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("IDENTITY_HOOK")
        assert person_of(USER, "wile@example.com") != person


def test_an_account_that_the_hook_does_not_know_is_nameless(known: dict[UUID, str]) -> None:
    assert person_of(USER, "wile@example.com") is None
