"""One order goes the whole way: from the catalogue to the delivery system."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.caller import Json, a_registration, pages, won
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack, unpublished_events

SESSION = {
    "access_token", "token_type", "expires_in",
    "refresh_token", "refresh_expires_in", "device_token",
}  # fmt: skip
LISTED_PRODUCT = {
    *("product_id", "name", "description", "price", "brand", "like_count", "version"),
    "availability",
}
PRODUCT = LISTED_PRODUCT | {*("stock_quantity", "sale_from", "sale_until", "max_per_buyer", "rank")}
LISTED_ORDER = {
    "order_id", "status", "total", "discount", "points_used", "card_amount", "lines",
    "placed_at", "expires_at", "drop_entry_id", "ship_to", "refunded",
}  # fmt: skip
DETAILS = {"payments", "shipment", "history", "refunds", "returns"}
ORDER = LISTED_ORDER | DETAILS


def test_an_order_reaches_the_delivery_system(stack: Stack, shop: Shop) -> None:
    mug, plate = _stocked_catalogue(shop)
    buyer = shop.new_buyer(points=100_000)

    answer = buyer.api.place_order((mug["product_id"], 2), (plate["product_id"], 1))

    order = answer.require(201)
    assert answer.headers["Content-Type"].split(";")[0] == "application/json"
    assert _listed(order) == {
        "order_id": order["order_id"],
        "status": "CONFIRMED",
        "total": won(92_000),
        "discount": won(0),
        "points_used": won(92_000),
        "card_amount": won(0),
        "refunded": won(0),
        "lines": [_line(mug, 2), _line(plate, 1)],
        "placed_at": order["placed_at"],
        "expires_at": None,
        "drop_entry_id": None,
        "ship_to": None,
    }
    _assert_just_now(order["placed_at"])
    _assert_readable(buyer, order)
    assert shop.stock_of(mug["product_id"]) == 38
    assert shop.stock_of(plate["product_id"]) == 34
    _assert_points(buyer, 8_000, [-92_000, 100_000])
    _assert_noticed_once(stack, order["order_id"])


def test_a_signed_up_user_is_shown_without_the_password(shop: Shop) -> None:
    registration = a_registration()

    user = shop.anyone.sign_up(**registration).require(201)

    shown = {name: value for name, value in registration.items() if name != "password"}
    assert user == {"user_id": user["user_id"], **shown, "language": "en", "email_verified": False}
    session = shop.anyone.open_session(user["login_id"], registration["password"]).require(201)
    assert set(session) == SESSION
    assert session["token_type"] == "Bearer"
    assert session["expires_in"] > 0
    assert shop.anyone.with_token(session["access_token"]).me().require(200) == user


def test_charges_and_payments_add_up_to_the_balance(shop: Shop) -> None:
    buyer = shop.new_buyer()
    _assert_points(buyer, 0, [])

    assert buyer.api.charge_points(10_000).require(201)["balance"] == won(10_000)
    assert buyer.api.charge_points(1).require(201)["balance"] == won(10_001)

    _assert_points(buyer, 10_001, [1, 10_000])


def test_a_brand_and_its_products_are_shown_as_registered(shop: Shop) -> None:
    registered = shop.admin.register_brand("Haneul", "Roasted every morning").require(201)
    assert registered == {
        "brand_id": registered["brand_id"],
        "name": "Haneul",
        "description": "Roasted every morning",
    }
    assert shop.anyone.brand(registered["brand_id"]).require(200) == registered
    listed = [brand for page in pages("/brands", shop.anyone, limit=100) for brand in page]
    assert [brand for brand in listed if brand["brand_id"] == registered["brand_id"]] == [
        registered
    ]

    product_id = shop.new_product(stock=7, price=14_000, brand=registered)

    product = shop.anyone.product(product_id).require(200)
    assert set(product) == PRODUCT
    assert product["product_id"] == product_id
    assert product["description"] == "No two alike"
    assert product["price"] == won(14_000)
    assert product["brand"] == {"brand_id": registered["brand_id"], "name": "Haneul"}
    assert product["like_count"] == 0
    assert product["stock_quantity"] == 7
    assert product["rank"] is None
    items = shop.anyone.products(brand_id=registered["brand_id"]).require(200)["items"]
    assert items == [{name: product[name] for name in LISTED_PRODUCT}]


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ({}, [500, 100, 300, 300, 200]),
        ({"sort": "latest"}, [500, 100, 300, 300, 200]),
        ({"sort": "price_asc"}, [100, 200, 300, 300, 500]),
        ({"sort": "likes_desc"}, [500, 100, 300, 300, 200]),
    ],
    ids=["by default", "latest", "price_asc", "likes_desc"],
)
def test_products_are_paged_in_the_requested_order(
    shop: Shop, five_products: list[str], sort: Json, expected: list[int]
) -> None:
    brand_id = shop.anyone.product(five_products[0]).require(200)["brand"]["brand_id"]

    found = list(pages("/products", shop.anyone, brand_id=brand_id, limit=2, **sort))

    assert [len(page) for page in found] == [2, 2, 1]
    items = [item for page in found for item in page]
    assert [item["price"]["amount"] for item in items] == expected
    assert {item["product_id"] for item in items} == set(five_products)


@pytest.fixture(scope="module")
def five_products(shop: Shop) -> list[str]:
    """Products of one brand, the oldest first."""
    brand = shop.new_brand()
    return [shop.new_product(price=price, brand=brand) for price in (200, 300, 300, 100, 500)]


def test_orders_are_listed_newest_first(shop: Shop) -> None:
    product = shop.new_product(stock=10, price=100)
    buyer = shop.new_buyer(points=1_000)
    placed = [buyer.place_order((product, 1)) for _ in range(5)]

    found = list(pages("/orders", buyer.api, limit=2))

    assert [len(page) for page in found] == [2, 2, 1]
    assert [order["order_id"] for page in found for order in page] == placed[::-1]
    assert all(set(order) == LISTED_ORDER for page in found for order in page)


def test_an_order_line_keeps_its_price_and_is_shown_to_its_buyer_only(
    shop: Shop,
) -> None:
    product = shop.new_product(stock=10, price=100)
    buyer, other = shop.new_buyer(points=1_000), shop.new_buyer()

    buyer.place_order((product, 3))

    [order] = buyer.api.orders().require(200)["items"]
    assert order["lines"][0]["unit_price"] == won(100)
    assert other.api.orders().require(200) == {"items": [], "next_cursor": None}


def test_a_request_id_is_in_the_answer_and_the_log(shop: Shop) -> None:
    ids = {shop.anyone.products().headers["X-Request-Id"] for _ in range(3)}

    assert len(ids) == 3


def test_cors_allows_reading_answers_and_refusals(shop: Shop) -> None:
    origin = {"Origin": "https://shop.example"}
    for path in "/products", "/users/me":
        answer = shop.anyone.send("GET", path, headers=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def _stocked_catalogue(shop: Shop) -> tuple[Json, Json]:
    brand = shop.new_brand()
    mug = shop.new_product(stock=40, price=32_000, brand=brand)
    plate = shop.new_product(stock=35, price=28_000, brand=brand)
    return shop.anyone.product(mug).require(200), shop.anyone.product(plate).require(200)


def _line(product: Json, quantity: int) -> Json:
    return {
        "product_id": product["product_id"],
        "product_name": product["name"],
        "brand_id": product["brand"]["brand_id"],
        "brand_name": product["brand"]["name"],
        "unit_price": product["price"],
        "quantity": quantity,
        "cancelled_quantity": 0,
        "returned_quantity": 0,
    }


def _listed(order: Json) -> Json:
    return {name: value for name, value in order.items() if name not in DETAILS}


def _assert_readable(buyer: Buyer, order: Json) -> None:
    """The order is found, by its id and in the list, as it was answered when placed."""
    seen = buyer.api.order(order["order_id"]).require(200)
    assert set(seen) == ORDER
    assert _listed(seen) == _listed(order)
    assert seen["payments"] == seen["refunds"] == seen["returns"] == []
    [entry] = seen["history"]
    assert set(entry) == {"status", "at", "by", "reason"}
    assert entry["status"] == "CONFIRMED"
    _assert_just_now(entry["at"])
    assert buyer.api.orders().require(200) == {"items": [_listed(order)], "next_cursor": None}


def _assert_points(buyer: Buyer, balance: int, amounts: list[int]) -> None:
    points = buyer.api.points().require(200)
    assert points["balance"] == won(balance)
    assert points["currency"] == "KRW"
    assert [entry["amount"] for entry in points["entries"]] == [won(each) for each in amounts]
    balances = [won(sum(amounts[number:])) for number in range(len(amounts))]
    assert [each["balance_after"] for each in points["entries"]] == balances
    assert all(entry["reason"] for entry in points["entries"])
    assert all(entry["order_id"] or entry["charge_id"] for entry in points["entries"])
    for entry in points["entries"]:
        _assert_just_now(entry["at"])


def _assert_noticed_once(stack: Stack, order_id: str) -> None:
    [notice] = eventually(lambda: stack.delivery.notices(order_id))
    assert notice["kind"] == "ORDER"
    _assert_just_now(notice["received_at"])
    with stack.database() as database:
        eventually(lambda: not unpublished_events(database, order_id))


def _assert_just_now(time: Any) -> None:
    """The time is RFC 3339 in UTC, and within the last five minutes."""
    assert time.endswith(("Z", "+00:00"))
    age = datetime.now(UTC) - datetime.fromisoformat(time)
    assert timedelta(seconds=-5) < age < timedelta(minutes=5)
