"""The address book: what is taken and refused, one default, and nobody else's addresses."""

from typing import Any

import pytest

from commerce.app.privacy.parts import EXPORTED
from commerce.app.transactions import in_transaction
from commerce.user.address_book.model import MAX_ADDRESSES
from tests.support.addresses import (
    add_address,
    an_address,
    delete_address,
    edit_address,
    list_addresses,
    shown,
)
from tests.support.points import a_user
from tests.support.shop import Person, a_buyer, rows

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@pytest.fixture
def user() -> Person:
    return a_user()


def defaults(user: Person) -> list[bool]:
    return [each["is_default"] for each in list_addresses(user)]


def test_an_address_is_kept_as_it_was_sent_and_the_first_is_the_default(user: Person) -> None:
    first = add_address(user, line2="Unit 7", region="Mapo-gu")
    assert first.status == 201
    expected = {
        **shown(an_address(line2="Unit 7", region="Mapo-gu")),
        "address_id": first.json["address_id"],
        "is_default": True,
    }
    assert first.json == expected
    second = add_address(user, city=None, country="HK", postal_code=None)
    assert second.json["is_default"] is False
    assert (second.json["city"], second.json["postal_code"]) == (None, None)
    assert list_addresses(user) == [expected, second.json]


def test_another_default_replaces_the_one_before(user: Person) -> None:
    first, second = add_address(user).json, add_address(user, is_default=True).json
    assert [each["address_id"] for each in list_addresses(user)] == [
        second["address_id"],
        first["address_id"],
    ]
    assert defaults(user) == [True, False]
    assert edit_address(user, first["address_id"], is_default=True).json["is_default"] is True
    assert [(e["address_id"], e["is_default"]) for e in list_addresses(user)] == [
        (first["address_id"], True),
        (second["address_id"], False),
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recipient": None}, "recipient"),
        ({"recipient": "\u3164"}, "recipient"),
        ({"recipient": "x" * 101}, "recipient"),
        ({"line1": "1 Canyon\nRoad"}, "line1"),
        ({"phone": "call me"}, "phone"),
        ({"phone": "12-34"}, "phone"),
        ({"country": "ZZ"}, "country"),
        ({"country": "kr"}, "country"),
        ({"country": "KOR"}, "country"),
        ({"postal_code": "1234"}, "postal_code"),
        ({"country": "US", "postal_code": "ABCDE"}, "postal_code"),
        ({"country": "GB", "postal_code": "04524"}, "postal_code"),
        ({"planet": "Earth"}, "planet"),
    ],
)
def test_what_is_no_address_is_refused_by_its_field(
    user: Person, changes: dict[str, Any], field: str
) -> None:
    answer = add_address(user, **changes)
    assert (answer.status, [each["field"] for each in answer.json["errors"]]) == (422, [field])
    assert list_addresses(user) == []


@pytest.mark.parametrize(
    ("country", "code"),
    [("US", "94105-1234"), ("GB", "SW1A 1AA"), ("CA", "K1A 0B1"), ("JP", "100-0001"),
     ("FR", "75001"), ("IE", "D02 AF30")],
)  # fmt: skip
def test_postal_codes_are_taken_as_their_country_has_them(
    user: Person, country: str, code: str
) -> None:
    answer = add_address(user, country=country, postal_code=code)
    assert (answer.status, answer.json["postal_code"]) == (201, code)


def test_an_edit_changes_what_it_names_and_null_removes_it(user: Person) -> None:
    address = add_address(user, line2="Unit 7").json
    edited = edit_address(user, address["address_id"], line2=None, recipient="Road Runner")
    assert edited.status == 200
    assert edited.json == {**address, "line2": None, "recipient": "Road Runner"}
    assert list_addresses(user) == [edited.json]


@pytest.mark.parametrize(
    "changes", [{"recipient": None}, {"country": "US", "postal_code": "K1A 0B1"}, {"country": "GB"}]
)
def test_an_edit_that_makes_no_address_changes_nothing(
    user: Person, changes: dict[str, Any]
) -> None:
    address = add_address(user).json
    answer = edit_address(user, address["address_id"], **changes)
    assert answer.status == 422
    assert list_addresses(user) == [address]


def test_an_address_is_deleted_once(user: Person) -> None:
    address_id = add_address(user).json["address_id"]
    assert delete_address(user, address_id).status == 204
    again = delete_address(user, address_id)
    assert (again.status, again.json["code"]) == (404, "ADDRESS_NOT_FOUND")
    assert list_addresses(user) == []


def test_another_users_address_is_not_found(user: Person) -> None:
    other = a_user()
    address = add_address(other).json
    for refused in (
        edit_address(user, address["address_id"], recipient="Mine"),
        delete_address(user, address["address_id"]),
        delete_address(user, "no-id"),
    ):
        assert (refused.status, refused.json["code"]) == (404, "ADDRESS_NOT_FOUND")
    assert list_addresses(user) == []
    assert list_addresses(other) == [address]


def test_a_token_without_an_account_has_no_address_book() -> None:
    operator = a_buyer()
    for refused in (
        add_address(operator),
        edit_address(operator, "no-id", recipient="Mine"),
        delete_address(operator, "no-id"),
    ):
        assert (refused.status, refused.json["code"]) == (404, "USER_NOT_FOUND")
    assert list_addresses(operator) == []


def test_there_are_twenty_addresses_at_most(user: Person) -> None:
    for _ in range(MAX_ADDRESSES):
        assert add_address(user).status == 201
    refused = add_address(user)
    assert (refused.status, refused.json["code"]) == (409, "TOO_MANY_ADDRESSES")
    assert refused.json["limit"] == len(list_addresses(user)) == MAX_ADDRESSES == 20
    assert delete_address(user, list_addresses(user)[0]["address_id"]).status == 204
    assert add_address(user).status == 201


def test_erasing_a_user_leaves_none_of_their_addresses(user: Person) -> None:
    other = a_user()
    for each in (user, user, other):
        add_address(each)
    exported = in_transaction(lambda shop: EXPORTED["addresses"](shop, user.user_id, 100, None))
    assert [each.recipient for each in exported.items] == ["Wile E. Coyote"] * 2
    in_transaction(lambda shop: shop.address_book.erase_user(user.user_id))
    sql = "SELECT count(*) AS left FROM postal_address WHERE user_id = $1"
    assert [rows(sql, each.user_id)[0].left for each in (user, other)] == [0, 1]
