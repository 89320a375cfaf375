"""Refusals of malformed and invalid bodies; nothing changes."""

import json
from typing import Any

import pytest

from tests.e2e.caller import Json, a_key, a_registration, an_order
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack

WRONG_INTEGERS = {
    "text": "1",
    "a fraction": 1.5,
    "a boolean": True,
    "null": None,
    "a list": [1],
    "an object": {"amount": 1},
    "huge": 10**30,
    "beyond 64 bits": 2**63,
    "negative": -1,
    "zero": 0,
}
NOT_JSON = {
    "half an object": b'{"amount": 1',
    "prose": b"ten thousand, please",
    "NaN": b'{"amount": NaN}',
    "too deep": b"[" * 100_000,
}
NOT_AN_OBJECT = {
    "nothing": b"",
    "a list": b"[]",
    "text": b'"amount"',
    "a number": b"1",
    "null": b"null",
}
WRITES = [
    ("POST", "/users"),
    ("POST", "/sessions"),
    ("POST", "/users/me/points/charges"),
    ("POST", "/orders"),
    ("POST", "/admin/brands"),
    ("POST", "/admin/products"),
    ("PUT", "/admin/products/{product}/stock"),
]
every_write = pytest.mark.parametrize(("method", "path"), WRITES, ids=[path for _, path in WRITES])


def named(cases: dict[str, Any]) -> pytest.MarkDecorator:
    """Run a test once per case, under the case's name."""
    return pytest.mark.parametrize("wrong", list(cases.values()), ids=list(cases))


@pytest.fixture(scope="module")
def product(shop: Shop) -> str:
    """A product with ten units in stock."""
    return shop.new_product(stock=10, price=1_000)


@every_write
@named(NOT_JSON)
def test_a_body_that_is_not_json_is_refused(
    shop: Shop, buyer: Buyer, product: str, method: str, path: str, wrong: bytes
) -> None:
    caller = shop.admin if "/admin" in path else buyer.api

    with shop.nothing_moves(buyer, product):
        answer = caller.send(method, path.format(product=product), raw=wrong, key=a_key())

    answer.require_problem(400)


@every_write
@named(NOT_AN_OBJECT)
def test_a_json_body_that_is_not_an_object_is_refused(
    shop: Shop, buyer: Buyer, product: str, method: str, path: str, wrong: bytes
) -> None:
    caller = shop.admin if "/admin" in path else buyer.api

    with shop.nothing_moves(buyer, product):
        answer = caller.send(method, path.format(product=product), raw=wrong, key=a_key())

    answer.require_problem(422)


@pytest.mark.parametrize("path", ["/users/me/points/charges", "/orders", "/users", "/admin/brands"])
def test_a_body_over_256_kb_is_refused(shop: Shop, buyer: Buyer, product: str, path: str) -> None:
    caller = shop.admin if "/admin" in path else buyer.api
    body = {"amount": 1, **an_order((product, 1)), "name": "x" * (256 * 1024)}

    with shop.nothing_moves(buyer, product):
        answer = caller.send("POST", path, body, key=a_key())

    answer.require_problem(413)


@named(WRONG_INTEGERS)
def test_points_are_charged_in_whole_won_above_zero(shop: Shop, buyer: Buyer, wrong: Any) -> None:
    with shop.nothing_moves(buyer):
        answer = buyer.api.send("POST", "/users/me/points/charges", {"amount": wrong}, key=a_key())

    _assert_names_the_field(answer.require_problem(422), "amount")


@named(WRONG_INTEGERS)
def test_a_quantity_is_a_whole_number_above_zero(
    shop: Shop, buyer: Buyer, product: str, wrong: Any
) -> None:
    with shop.nothing_moves(buyer, product):
        answer = buyer.api.send("POST", "/orders", an_order((product, wrong)), key=a_key())

    _assert_names_the_field(answer.require_problem(422), "quantity")


@named({name: value for name, value in WRONG_INTEGERS.items() if name != "zero"})
def test_stock_is_set_to_a_whole_number(shop: Shop, buyer: Buyer, product: str, wrong: Any) -> None:
    with shop.nothing_moves(buyer, product):
        path = f"/admin/products/{product}/stock"
        answer = shop.admin.send("PUT", path, {"quantity": wrong})

    _assert_names_the_field(answer.require_problem(422), "quantity")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "amount"),
        ({"amount": 1, "currency": "KRW"}, "currency"),
        ({"Amount": 1}, "amount"),
    ],
    ids=["missing field", "unknown field", "another case"],
)
def test_a_charge_takes_an_amount_and_no_other_field(
    shop: Shop, buyer: Buyer, body: Json, field: str
) -> None:
    with shop.nothing_moves(buyer):
        answer = buyer.api.send("POST", "/users/me/points/charges", body, key=a_key())

    _assert_names_the_field(answer.require_problem(422), field)


PRODUCT = "the product"
LINE = {"product_id": PRODUCT, "quantity": 1}
WRONG_ORDERS: dict[str, Json] = {
    "no lines": {"payment_method": "POINT"},
    "empty lines": {"lines": [], "payment_method": "POINT"},
    "lines that are null": {"lines": None, "payment_method": "POINT"},
    "lines that are no list": {"lines": LINE, "payment_method": "POINT"},
    "a product twice": {"lines": [LINE, {**LINE, "quantity": 2}], "payment_method": "POINT"},
    "a line without quantity": {"lines": [{"product_id": PRODUCT}], "payment_method": "POINT"},
    "a line without product": {"lines": [{"quantity": 1}], "payment_method": "POINT"},
    "a line that is null": {"lines": [None], "payment_method": "POINT"},
    "an unknown field in a line": {"lines": [{**LINE, "price": 1}], "payment_method": "POINT"},
    "an unknown field": {"lines": [LINE], "payment_method": "POINT", "total": 1},
    "no payment method": {"lines": [LINE]},
    "an unknown payment method": {"lines": [LINE], "payment_method": "CASH"},
    "a payment method in small letters": {"lines": [LINE], "payment_method": "point"},
    "a product id that is null": {
        "lines": [{"product_id": None, "quantity": 1}],
        "payment_method": "POINT",
    },
}


@named(WRONG_ORDERS)
def test_an_invalid_order_is_refused(shop: Shop, buyer: Buyer, product: str, wrong: Json) -> None:
    body = json.loads(json.dumps(wrong).replace(PRODUCT, product))

    with shop.nothing_moves(buyer, product):
        answer = buyer.api.send("POST", "/orders", body, key=a_key())

    answer.require_problem(422)


def test_an_order_of_51_lines_is_refused(shop: Shop, buyer: Buyer, product: str) -> None:
    others = [(f"00000000-0000-7000-8000-{number:012}", 1) for number in range(50)]

    with shop.nothing_moves(buyer, product):
        answer = buyer.api.place_order((product, 1), *others)

    _assert_names_the_field(answer.require_problem(422), "lines")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("login_id", ""),
        ("login_id", "elevenchars"),
        ("login_id", "kim-lee"),
        ("login_id", "kim lee"),
        ("login_id", 12345),
        ("login_id", None),
        ("password", "nine char"),
        ("password", 1234567890),
        ("name", ""),
        ("name", "Kim\x00Lee"),
        ("name", "\ud800"),
        ("email", "kim"),
        ("email", "kim@"),
        ("email", "@example.com"),
        ("birth_date", "19900412"),
        ("birth_date", "1990-4-12"),
        ("birth_date", "1990-02-30"),
        ("birth_date", "1990-04-12T00:00:00Z"),
        ("birth_date", 19900412),
        ("gender", "female"),
        ("gender", "UNKNOWN"),
        ("gender", None),
        ("is_admin", True),
        ("scope", "admin"),
    ],
)
def test_an_invalid_sign_up_is_refused(stack: Stack, shop: Shop, field: str, wrong: Any) -> None:
    registration = a_registration()

    answer = shop.anyone.send("POST", "/users", {**registration, field: wrong})

    _assert_names_the_field(answer.require_problem(422), field)
    with stack.database() as database:
        found = "SELECT 1 FROM user_account WHERE login_id = :login_id"
        assert database.run(found, login_id=registration["login_id"]) == []


@pytest.mark.parametrize("missing", sorted(a_registration()))
def test_an_incomplete_sign_up_is_refused(shop: Shop, missing: str) -> None:
    registration = a_registration()
    del registration[missing]

    answer = shop.anyone.send("POST", "/users", registration)

    _assert_names_the_field(answer.require_problem(422), missing)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", ""),
        ("name", None),
        ("name", "nul\x00byte"),
        ("price_amount", -1),
        ("price_amount", "1000"),
        ("price_amount", 0.5),
        ("price_amount", True),
        ("price_amount", 10**30),
        ("price_amount", None),
        ("brand_id", None),
        ("version", 1),
    ],
)
def test_an_invalid_product_is_refused(shop: Shop, field: str, wrong: Any) -> None:
    brand_id = shop.new_brand()["brand_id"]
    fields = {"brand_id": brand_id, "name": "Mug", "description": "", "price_amount": 1_000}

    answer = shop.admin.register_product(**{**fields, field: wrong})

    _assert_names_the_field(answer.require_problem(422), field)
    assert shop.anyone.products(brand_id=brand_id).require(200)["items"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"description": "No name"}, "name"),
        ({"name": "", "description": ""}, "name"),
        ({"name": 1, "description": ""}, "name"),
        ({"name": "Onmaru", "description": "", "rank": 1}, "rank"),
    ],
)
def test_an_invalid_brand_is_refused(shop: Shop, body: Json, field: str) -> None:
    answer = shop.admin.send("POST", "/admin/brands", body)

    _assert_names_the_field(answer.require_problem(422), field)


def _assert_names_the_field(problem: Json, field: str) -> None:
    assert problem["errors"]
    assert field in json.dumps(problem["errors"])
