"""Products and stock from the handlers to PostgreSQL and back."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from commerce.app.transactions import in_transaction
from commerce.brand import BrandFacade, RegisterBrand
from commerce.runtime.db.connection import ConstraintViolated
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel
from tests.support.payments import place_by_card
from tests.support.shop import (
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
    events_about,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def brand_id() -> str:
    return in_transaction(BrandFacade.register, RegisterBrand(name="Acme")).brand_id


def register(body: Any, token: str | None = None) -> Answer:
    sent_by = an_admin().token if token is None else token
    return call("product/register_product", "POST", "/admin/products", body=body, token=sent_by)


def set_stock(product_id: str, quantity: Any, token: str | None = None) -> Answer:
    sent_by = an_admin().token if token is None else token
    path = f"/admin/products/{product_id}/stock"
    return call("product/set_stock", "PUT", path, body={"quantity": quantity}, token=sent_by)


def get(product_id: str) -> Answer:
    return call("product/get_product", "GET", f"/products/{product_id}")


def listed(query: str = "") -> Answer:
    return call("product/list_products", "GET", f"/products{query and '?'}{query}")


def walk(query: str, limit: int = 2) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = listed(f"{query}&limit={limit}&cursor={cursor}")
        assert page.status == 200
        assert set(page.json) == {"items", "next_cursor"}
        yield from page.json["items"]
        cursor = page.json["next_cursor"]


def test_a_registered_product_is_public(brand_id: str) -> None:
    answer = register(
        {
            "brand_id": brand_id.upper(),
            "name": "Anvil",
            "description": "It falls.",
            "price_amount": 12_000,
        }
    )
    in_list = {
        "product_id": answer.json["product_id"],
        "name": "Anvil",
        "description": "It falls.",
        "price": {"amount": 12_000, "currency": "KRW"},
        "brand": {"brand_id": brand_id, "name": "Acme"},
        "like_count": 0,
        "version": 1,
        "availability": "SOLD_OUT",
    }
    terms = {"sale_from": None, "sale_until": None, "max_per_buyer": None}
    expected = {**in_list, **terms, "stock_quantity": 0, "rank": None}
    assert (answer.status, answer.json) == (201, expected)
    seen = get(answer.json["product_id"])
    assert (seen.status, seen.json) == (200, expected)
    assert listed(f"brand_id={brand_id}").json == {"items": [in_list], "next_cursor": None}


@pytest.mark.parametrize(
    "product_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "anvil", "%00"]
)
def test_an_unknown_product_is_not_found(product_id: str) -> None:
    for answer in (get(product_id), set_stock(product_id, 5)):
        assert (answer.status, answer.json["code"]) == (404, "PRODUCT_NOT_FOUND")
        assert answer.json["errors"] == [{"product_id": product_id}]


@pytest.mark.parametrize("unknown", ["018f0000-0000-7000-8000-0000deadbeef", "acme"])
def test_a_product_needs_a_brand(unknown: str) -> None:
    answer = register({"brand_id": unknown, "name": "Anvil", "price_amount": 1})
    assert (answer.status, answer.json["code"]) == (404, "BRAND_NOT_FOUND")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"price_amount": "12000"}, "price_amount"),
        ({"price_amount": 1.5}, "price_amount"),
        ({"price_amount": True}, "price_amount"),
        ({"price_amount": -1}, "price_amount"),
        ({"price_amount": 10**20}, "price_amount"),
        ({"name": "\x00"}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"description": "\x00"}, "description"),
        ({"brand_id": 1}, "brand_id"),
        ({"stock_quantity": 5}, "stock_quantity"),
        ({"price": {"amount": 1, "currency": "KRW"}}, "price"),
    ],
)
def test_a_bad_product_is_refused_with_its_field(
    brand_id: str, changed: dict[str, Any], field: str
) -> None:
    answer = register({"brand_id": brand_id, "name": "Anvil", "price_amount": 1, **changed})
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert listed(f"brand_id={brand_id}").json["items"] == []


def test_every_bad_field_is_named(brand_id: str) -> None:
    answer = register({"brand_id": brand_id, "name": "", "price_amount": -1, "colour": "red"})
    assert {error["field"] for error in answer.json["errors"]} == {"name", "price_amount", "colour"}


def test_setting_stock_sets_the_counted_quantity() -> None:
    product_id = a_product(stock=5)
    for quantity in (7, 7, 2, 0, 1_000_000_000):
        answer = set_stock(product_id.upper(), quantity)
        assert (answer.status, answer.json["product_id"]) == (200, product_id)
        units = [answer.json[name] for name in ("stock_quantity", "available", "on_hand")]
        assert units == [quantity] * 3
        assert stock_of(product_id) == get(product_id).json["stock_quantity"] == quantity
    assert_books_hold(product_id)


def test_stock_returns_and_is_sold_out_once_each_turn() -> None:
    product = a_product(stock=0)
    for quantity in (5, 8, 3, 0, 2):
        set_stock(product, quantity)
    turns = events_about(product, "StockReturned", "StockSoldOut")
    assert [(each["type"], each["data"].get("quantity")) for each in turns] == [
        ("StockReturned", 5),
        ("StockSoldOut", None),
        ("StockReturned", 2),
    ]


@pytest.mark.parametrize("quantity", [-1, 1.5, "5", True, None, 1_000_000_001, 2**31, 10**30])
def test_an_invalid_count_changes_nothing(quantity: Any) -> None:
    product_id = a_product(stock=5)
    answer = set_stock(product_id, quantity)
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert stock_of(product_id) == 5


def test_only_an_admin_registers_products_and_sets_stock(brand_id: str) -> None:
    product_id = a_product(stock=5)
    body = {"brand_id": brand_id, "name": "Anvil", "price_amount": 1}
    for token, status in [("", 401), ("forged", 401), (a_buyer().token, 403)]:
        assert register(body, token).status == status
        assert set_stock(product_id, 9, token).status == status
    assert stock_of(product_id) == 5
    assert listed(f"brand_id={brand_id}").json["items"] == []


def test_returned_units_may_exceed_the_maximum_of_a_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product, buyer, most = a_product(price=1), a_buyer(), 1_000_000_000
    monkeypatch.setenv("MAX_UNITS_PER_LINE", str(most))
    orders = []
    for _ in range(3):
        assert set_stock(product, most).status == 200
        orders.append(place_by_card(buyer, (product, most)).json["order_id"])
    assert [cancel(buyer, each).status for each in orders] == [200] * 3
    assert stock_of(product) == 3 * most
    assert_books_hold(product)


def test_simultaneous_counts_keep_the_books() -> None:
    product_id = a_product(stock=0)
    answers = run_concurrently(
        [partial(set_stock, product_id, quantity) for quantity in range(1, 11)]
    )
    assert {answer.status for answer in answers} == {200}
    assert stock_of(product_id) in range(1, 11)
    assert_books_hold(product_id)
    moved = rows("SELECT count(*) AS n FROM stock_movement WHERE product_id = $1", product_id)
    version = rows("SELECT version FROM stock WHERE product_id = $1", product_id)
    assert version[0].version == moved[0].n + 1


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [("latest", "dcba"), ("price_asc", "badc"), ("likes_desc", "cdab")],
)
def test_paging_through_a_list_shows_every_product_once(
    brand_id: str, sort: str, expected: str, limit: int
) -> None:
    likes = {"a": 2, "b": 0, "c": 5, "d": 2}
    for name, price in [("a", 2), ("b", 1), ("c", 3), ("d", 2)]:
        id_ = register({"brand_id": brand_id, "name": name, "price_amount": price}).json[
            "product_id"
        ]
        sql = "UPDATE product SET like_count = $1 WHERE id = $2"
        database().run([Query(sql, [likes[name], id_])])
    names = [each["name"] for each in walk(f"brand_id={brand_id}&sort={sort}", limit)]
    assert "".join(names) == expected


def test_all_brands_are_listed_together(own_shop: str) -> None:
    ids = [a_product(price=price) for price in (3, 1, 2)]
    latest = [each["product_id"] for each in walk("sort=latest", 2)]
    assert latest == ids[::-1]
    assert [each["price"]["amount"] for each in walk("sort=price_asc", 1)] == [1, 2, 3]
    assert [each["product_id"] for each in listed().json["items"]] == ids[::-1]


@pytest.mark.parametrize("unknown", ["018f0000-0000-7000-8000-0000deadbeef", "acme", "%00"])
def test_a_brand_without_products_is_an_empty_list(unknown: str) -> None:
    answer = listed(f"brand_id={unknown}")
    assert (answer.status, answer.json) == (200, {"items": [], "next_cursor": None})


def test_a_cursor_leads_on_in_its_own_list_only(brand_id: str) -> None:
    for number in range(2):
        register({"brand_id": brand_id, "name": "Anvil", "price_amount": number})
    cursor = listed(f"brand_id={brand_id}&limit=1&sort=price_asc").json["next_cursor"]
    assert listed(f"brand_id={brand_id}&sort=price_asc&cursor={cursor}").status == 200
    for other in (f"brand_id={brand_id}", f"brand_id={brand_id}&sort=likes_desc", "sort=price_asc"):
        answer = listed(f"{other}&cursor={cursor}")
        assert (answer.status, answer.json["code"]) == (422, "INVALID_CURSOR")


@pytest.mark.parametrize(
    "query", ["sort=newest", "sort=", "sort=LATEST", "limit=0", "limit=101", "limit=x",
              "brand_id=" + "x" * 65, "cursor=" + "x" * 513]
)  # fmt: skip
def test_an_invalid_list_query_is_refused(query: str) -> None:
    answer = listed(query)
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [query.split("=")[0]]


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE stock SET quantity = quantity - 6 WHERE product_id = $1", "stock_not_negative"),
        ("INSERT INTO stock VALUES ($1, 5, 1)", "stock_pkey"),
        ("INSERT INTO stock SELECT gen_random_uuid(), 1, 1 WHERE $1 <> ''", "stock_of_a_product"),
    ],
)
def test_the_product_tables_refuse_invalid_rows(sql: str, rule: str) -> None:
    product_id = a_product(stock=5)
    with pytest.raises(ConstraintViolated, match=rule):
        database().run([Query(sql, [product_id])])
    assert stock_of(product_id) == 5
