"""An order keeps the address that its goods go to, which changes until they are shipped."""

from typing import Any
from uuid import UUID

import pytest

from tests.support.addresses import (
    add_address,
    an_address,
    change_address,
    delete_address,
    edit_address,
    shown,
)
from tests.support.lambda_calls import call
from tests.support.orders import cancel_as_admin, deliver, events_of, place, ship
from tests.support.points import a_user
from tests.support.shop import Person, a_key, a_product, an_admin, rows, stock_of

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")


@pytest.fixture
def buyer() -> Person:
    return a_user(points=10_000)


@pytest.fixture
def product() -> str:
    return a_product(stock=9, price=100)


def seen(buyer: Person, order_id: str) -> Any:
    answer = call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token)
    assert answer.status == 200
    return answer.json


def an_order_to(buyer: Person, product: str, **changes: Any) -> str:
    answer = place(buyer, (product, 1), ship_to=an_address(**changes))
    assert answer.status == 201, answer.json
    return str(answer.json["order_id"])


def test_an_order_goes_to_the_address_that_was_sent_with_it(buyer: Person, product: str) -> None:
    answer = place(buyer, (product, 1), ship_to=an_address(line2="Unit 7"))
    expected = shown(an_address(line2="Unit 7"))
    assert (answer.status, answer.json["ship_to"]) == (201, expected)
    assert seen(buyer, answer.json["order_id"])["ship_to"] == expected
    listed = call("order/list_orders", "GET", "/orders", token=buyer.token)
    assert [each["ship_to"] for each in listed.json["items"]] == [expected]


def test_an_order_keeps_its_copy_of_an_address_of_the_book(buyer: Person, product: str) -> None:
    address_id = add_address(buyer).json["address_id"]
    answer = place(buyer, (product, 1), address_id=address_id)
    assert (answer.status, answer.json["ship_to"]) == (201, shown(an_address()))
    edit_address(buyer, address_id, recipient="Road Runner")
    assert delete_address(buyer, address_id).status == 204
    assert seen(buyer, answer.json["order_id"])["ship_to"] == shown(an_address())


def test_an_order_without_an_address_has_none(buyer: Person, product: str) -> None:
    answer = place(buyer, (product, 1))
    assert (answer.status, answer.json["ship_to"]) == (201, None)
    sql = "SELECT ship_to IS NULL AS is_null FROM orders WHERE id = $1"
    assert rows(sql, UUID(answer.json["order_id"]))[0].is_null


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"address_id": "no-id"}, 404, "ADDRESS_NOT_FOUND"),
        ({"address_id": "theirs"}, 404, "ADDRESS_NOT_FOUND"),
        ({"address_id": "no-id", "ship_to": an_address()}, 422, "VALIDATION_FAILED"),
        ({"ship_to": an_address(country="ZZ")}, 422, "VALIDATION_FAILED"),
        ({"ship_to": {**an_address(), "is_default": True}}, 422, "VALIDATION_FAILED"),
    ],
)
def test_an_address_that_is_none_orders_nothing(
    buyer: Person, product: str, fields: dict[str, Any], status: int, code: str
) -> None:
    if fields.get("address_id") == "theirs":
        fields = {"address_id": add_address(a_user()).json["address_id"]}
    answer = place(buyer, (product, 1), **fields)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert stock_of(product) == 9


def test_where_an_address_is_required_none_is_refused(
    buyer: Person, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUIRE_ADDRESS", "true")
    answer = place(buyer, (product, 1))
    assert (answer.status, answer.json["code"]) == (422, "ADDRESS_REQUIRED")
    assert [each["field"] for each in answer.json["errors"]] == ["ship_to"]
    assert stock_of(product) == 9
    assert place(buyer, (product, 1), ship_to=an_address()).status == 201


def test_the_same_key_with_another_address_is_refused(buyer: Person, product: str) -> None:
    key = a_key()
    assert place(buyer, (product, 1), key=key, ship_to=an_address()).status == 201
    other = place(buyer, (product, 1), key=key, ship_to=an_address(line1="2 Mesa Road"))
    assert (other.status, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_an_address_changes_until_shipment_with_an_event_that_does_not_show_it(
    buyer: Person, product: str
) -> None:
    order_id = an_order_to(buyer, product)
    changed = change_address(buyer, order_id, line1="2 Mesa Road")
    expected = shown(an_address(line1="2 Mesa Road"))
    assert (changed.status, changed.json["ship_to"]) == (200, expected)
    assert change_address(buyer, order_id, line1="2 Mesa Road").status == 200  # changes nothing
    found = [each for each in events_of(order_id) if each["type"] == "OrderAddressChanged"]
    assert [(each["aggregate_version"], each["data"]) for each in found] == [
        (3, {"order_id": order_id, "user_id": str(buyer.user_id)})
    ]
    assert ship(an_admin(), order_id).status == 200
    refused = change_address(buyer, order_id)
    assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_EDITABLE")
    assert seen(buyer, order_id)["ship_to"] == expected


def test_an_order_placed_without_an_address_takes_one_later(buyer: Person, product: str) -> None:
    order_id = place(buyer, (product, 1)).json["order_id"]
    assert change_address(buyer, order_id).status == 200
    assert seen(buyer, order_id)["ship_to"] == shown(an_address())


def test_the_address_of_an_order_that_has_ended_stays(buyer: Person, product: str) -> None:
    admin = an_admin()
    delivered, cancelled = an_order_to(buyer, product), an_order_to(buyer, product)
    for step in (ship, deliver):
        assert step(admin, delivered).status == 200
    assert cancel_as_admin(admin, cancelled).status == 200
    for order_id in (delivered, cancelled):
        refused = change_address(buyer, order_id, line1="2 Mesa Road")
        assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_EDITABLE")
        assert seen(buyer, order_id)["ship_to"] == shown(an_address())


def test_only_its_buyer_changes_the_address_of_an_order(buyer: Person, product: str) -> None:
    order_id = an_order_to(buyer, product)
    refused = change_address(a_user(), order_id, line1="2 Mesa Road")
    assert (refused.status, refused.json["code"]) == (403, "NOT_YOUR_ORDER")
    missing = change_address(buyer, "no-id")
    assert (missing.status, missing.json["code"]) == (404, "ORDER_NOT_FOUND")
    assert seen(buyer, order_id)["ship_to"] == shown(an_address())


def test_a_shipment_shows_its_carrier_its_number_and_its_times(buyer: Person, product: str) -> None:
    admin, order_id = an_admin(), an_order_to(buyer, product)
    assert seen(buyer, order_id)["shipment"] is None
    assert ship(admin, order_id, carrier="CJ Logistics", tracking_number="12-34").status == 200
    order = seen(buyer, order_id)
    assert order["shipment"] == {
        "carrier": "CJ Logistics",
        "tracking_number": "12-34",
        "shipped_at": order["history"][-1]["at"],
        "delivered_at": None,
    }
    assert deliver(admin, order_id).status == 200
    order = seen(buyer, order_id)
    assert order["shipment"]["delivered_at"] == order["history"][-1]["at"]


def test_a_shipment_without_carrier_and_number_is_taken_and_a_wrong_one_is_not(
    buyer: Person, product: str
) -> None:
    admin, order_id = an_admin(), an_order_to(buyer, product)
    assert ship(admin, order_id, tracking_number="x" * 101).status == 422
    assert ship(admin, order_id, driver="Sam").status == 422
    assert ship(admin, order_id).status == 200
    shipment = seen(buyer, order_id)["shipment"]
    assert (shipment["carrier"], shipment["tracking_number"]) == (None, None)
