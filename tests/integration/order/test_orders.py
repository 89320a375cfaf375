"""Orders from the handlers to PostgreSQL and back."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.lambda_calls import Answer, call
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


def order(buyer: Person, *lines: tuple[str, Any], key: str | None = None) -> Answer:
    body = {
        "lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in lines],
        "payment_method": "POINT",
    }
    return post(buyer, body, key)


def post(buyer: Person, body: Any, key: str | None = None) -> Answer:
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def get(buyer: Person, order_id: str) -> Answer:
    return call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token)


def listed(buyer: Person, query: str = "") -> Answer:
    return call("order/list_orders", "GET", f"/orders{query}", token=buyer.token)


def state(buyer: Person, *product_ids: str) -> list[object]:
    """Every row that an order of these could have written, but for the answer to its key."""
    ids = [UUID(id_) for id_ in product_ids]
    mine = "SELECT id FROM orders WHERE buyer_id = $1"
    return [
        rows("SELECT * FROM stock WHERE product_id = ANY($1) ORDER BY product_id", ids),
        rows("SELECT * FROM stock_movement WHERE product_id = ANY($1) ORDER BY id", ids),
        rows("SELECT * FROM outbox WHERE aggregate_id = ANY($1) ORDER BY position", ids),
        rows("SELECT * FROM point_account WHERE user_id = $1", buyer.user_id),
        rows("SELECT * FROM point_ledger WHERE user_id = $1 ORDER BY id", buyer.user_id),
        rows("SELECT * FROM orders WHERE buyer_id = $1 ORDER BY id", buyer.user_id),
        rows(f"SELECT * FROM order_line WHERE order_id IN ({mine})", buyer.user_id),
        rows(f"SELECT * FROM order_history WHERE order_id IN ({mine})", buyer.user_id),
        rows(f"SELECT * FROM outbox WHERE aggregate_id IN ({mine})", buyer.user_id),
    ]


def krw(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "KRW"}


def test_an_order_takes_exactly_its_units_and_points() -> None:
    anvil, rope = a_product(stock=5, price=100), a_product(stock=1, price=7, name="Rope \u2693")
    buyer = a_buyer(points=1000)

    answer = order(buyer, (rope, 1), (anvil.upper(), 2))

    assert answer.status == 201
    shown = answer.json
    assert {key: shown[key] for key in shown if key not in ("order_id", "lines", "placed_at")} == {
        "status": "CONFIRMED",
        "total": krw(207),
        "discount": krw(0),
        "points_used": krw(207),
        "card_amount": krw(0),
        "refunded": krw(0),
        "expires_at": None,
        "drop_entry_id": None,
        "ship_to": None,
    }
    assert [
        (line["product_id"], line["product_name"], line["unit_price"], line["quantity"])
        for line in shown["lines"]
    ] == [(rope, "Rope \u2693", krw(7), 1), (anvil, "Anvil", krw(100), 2)]
    assert (stock_of(anvil), stock_of(rope), balance_of(buyer.user_id)) == (3, 0, 793)
    assert_books_hold(anvil, rope, users=(buyer.user_id,))
    order_id = UUID(shown["order_id"])
    events = rows("SELECT type, aggregate_version FROM outbox WHERE aggregate_id = $1", order_id)
    assert [tuple(row) for row in events] == [("OrderPlaced", 1), ("OrderConfirmed", 2)]
    moved = rows("SELECT product_id, change FROM stock_movement WHERE order_id = $1", order_id)
    assert {str(row.product_id): row.change for row in moved} == {anvil: -2, rope: -1}


def test_an_order_is_shown_to_its_buyer_with_its_history() -> None:
    buyer = a_buyer(points=100)
    placed = order(buyer, (a_product(price=100), 1)).json
    seen = get(buyer, placed["order_id"])
    assert (seen.status, seen.json) == (
        200,
        {
            **placed,
            "payments": [],
            "shipment": None,
            "refunds": [],
            "returns": [],
            "history": [
                {
                    "status": "CONFIRMED",
                    "at": placed["placed_at"],
                    "by": f"user:{buyer.user_id}",
                    "reason": "Paid by points",
                }
            ],
        },
    )
    assert get(buyer, placed["order_id"].upper()).json == seen.json


def test_another_users_order_is_forbidden() -> None:
    buyer = a_buyer(points=100)
    order_id = order(buyer, (a_product(price=100), 1)).json["order_id"]
    answer = get(a_buyer(), order_id)
    assert (answer.status, answer.json["code"]) == (403, "NOT_YOUR_ORDER")
    assert "Anvil" not in str(answer.json)


@pytest.mark.parametrize("order_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "mine", "%00"])
def test_an_unknown_order_is_not_found(order_id: str) -> None:
    answer = get(a_buyer(), order_id)
    assert (answer.status, answer.json["code"]) == (404, "ORDER_NOT_FOUND")


def test_orders_are_listed_newest_first_to_their_buyer_only() -> None:
    product, buyer, other = a_product(price=1), a_buyer(points=10), a_buyer(points=10)
    placed = [order(buyer, (product, 1)).json for _ in range(3)]
    order(other, (product, 1))
    first = listed(buyer, "?limit=2")
    assert (first.status, first.json["items"]) == (200, placed[:0:-1])
    cursor = first.json["next_cursor"]
    rest = listed(buyer, f"?limit=2&cursor={cursor}")
    assert rest.json == {"items": placed[:1], "next_cursor": None}
    assert listed(other, f"?cursor={cursor}").json["code"] == "INVALID_CURSOR"
    assert listed(a_buyer()).json == {"items": [], "next_cursor": None}


def test_an_order_line_keeps_its_name_and_price() -> None:
    product, buyer = a_product(price=100), a_buyer(points=2000)
    placed = order(buyer, (product, 1)).json
    database().run(
        [Query("UPDATE product SET name = 'New', price_amount = 999 WHERE id = $1", [product])]
    )
    assert get(buyer, placed["order_id"]).json["lines"] == placed["lines"]
    assert order(buyer, (product, 1)).json["total"] == krw(999)


def test_missing_products_are_all_named_and_nothing_moves() -> None:
    product, buyer, missing = a_product(), a_buyer(points=10_000), [str(uuid4()), "anvil"]
    before = state(buyer, product)
    answer = order(buyer, (missing[0], 1), (product, 1), (missing[1], 1))
    assert (answer.status, answer.json["code"]) == (404, "PRODUCT_NOT_FOUND")
    assert answer.json["errors"] == [{"product_id": id_} for id_ in missing]
    assert state(buyer, product) == before


def test_short_lines_are_all_named_and_nothing_moves() -> None:
    one, other, third = a_product(stock=1), a_product(stock=5), a_product(stock=0)
    buyer = a_buyer(points=100_000)
    before = state(buyer, one, other, third)
    answer = order(buyer, (one, 2), (other, 5), (third, 1))
    assert (answer.status, answer.json["code"]) == (409, "OUT_OF_STOCK")
    assert answer.json["errors"] == [
        {"product_id": one, "requested": 2, "available": 1},
        {"product_id": third, "requested": 1, "available": 0},
    ]
    assert state(buyer, one, other, third) == before


@pytest.mark.parametrize("points", [0, 99])
def test_too_few_points_move_nothing(points: int) -> None:
    product, buyer = a_product(price=100), a_buyer(points)
    before = state(buyer, product)
    answer = order(buyer, (product, 1))
    assert (answer.status, answer.json["code"]) == (409, "INSUFFICIENT_POINTS")
    assert answer.json["errors"] == [{"required": 100, "available": points}]
    assert state(buyer, product) == before


def test_a_free_product_can_be_bought_without_a_point_account() -> None:
    product, buyer = a_product(stock=1, price=0), a_buyer()
    assert order(buyer, (product, 1)).json["total"] == krw(0)
    assert stock_of(product) == 0
    assert rows("SELECT 1 AS one FROM point_ledger WHERE user_id = $1", buyer.user_id) == []


def test_fifty_products_are_one_order() -> None:
    ids = [a_product(stock=2, price=1) for _ in range(50)]
    buyer = a_buyer(points=100)
    answer = order(buyer, *((id_, 2) for id_ in ids))
    assert (answer.status, answer.json["total"]) == (201, krw(100))
    assert [stock_of(id_) for id_ in ids] == [0] * 50
    assert [line["product_id"] for line in answer.json["lines"]] == ids


def test_the_largest_order_is_refused_without_an_overflow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", "1000000000")
    ids = [a_product(stock=1_000_000_000, price=1_000_000_000) for _ in range(10)]
    buyer = a_buyer(points=1_000_000_000)
    answer = order(buyer, *((id_, 1_000_000_000) for id_ in ids))
    assert (answer.status, answer.json["code"]) == (422, "ORDER_TOO_LARGE")
    assert {stock_of(each) for each in ids} == {1_000_000_000}


LINE = {"product_id": "018f0000-0000-7000-8000-0000deadbeef", "quantity": 1}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [LINE, {**LINE, "product_id": LINE["product_id"].upper()}]}, "lines"),  # type: ignore[attr-defined]
        ({"lines": [{**LINE, "product_id": str(UUID(int=n))} for n in range(51)]}, "lines"),
        ({"lines": [{**LINE, "quantity": 0}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": "1"}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": 1.0}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": True}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "quantity": 10**30}]}, "lines.0.quantity"),
        ({"lines": [{**LINE, "price": 1}]}, "lines.0.price"),
        ({"lines": [{"quantity": 1}]}, "lines.0.product_id"),
        ({"lines": "all"}, "lines"),
        ({"payment_method": "CASH"}, "payment_method"),
        ({"payment_method": None}, "payment_method"),
        ({"total": 0}, "total"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_order_is_refused_with_its_field(changed: dict[str, Any], field: str) -> None:
    buyer = a_buyer(points=100)
    answer = post(buyer, {"lines": [LINE], "payment_method": "POINT", **changed})
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert listed(buyer).json["items"] == []


def test_the_same_key_replays_the_first_answer() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    first = order(buyer, (product, 1), key=key)
    assert "idempotency-replayed" not in first.headers
    for _ in range(2):
        again = order(buyer, (product, 1), key=key)
        assert (again.status, again.json) == (201, first.json)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)


def test_a_reformatted_body_is_the_same_request() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    first = order(buyer, (product, 1), key=key)
    raw = f'{{ "payment_method":"POINT",\n"lines":[{{"quantity":1,"product_id":"{product}"}}]}}'
    again = call(
        "order/place_order",
        "POST",
        "/orders",
        raw_body=raw,
        token=buyer.token,
        headers={"idempotency-KEY": f" {key} "},
    )
    assert (again.status, again.json) == (201, first.json)
    assert stock_of(product) == 4


def test_a_key_with_another_request_is_refused() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    order(buyer, (product, 1), key=key)
    before = state(buyer, product)
    answer = order(buyer, (product, 2), key=key)
    assert (answer.status, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert state(buyer, product) == before


def test_a_key_with_another_request_is_refused_whether_or_not_that_is_possible() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    first = order(buyer, (product, 1), key=key)
    before = state(buyer, product)
    for quantity in (2, 5, 6):  # possible, no longer possible, never possible
        answer = order(buyer, (product, quantity), key=key)
        assert (answer.status, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    again = order(buyer, (product, 1), key=key)
    assert (again.json, again.headers["idempotency-replayed"]) == (first.json, "true")
    assert state(buyer, product) == before


def test_keys_belong_to_their_user_and_operation() -> None:
    product, key = a_product(stock=5, price=100), a_key()
    one, other = a_buyer(points=100), a_buyer(points=100)
    assert order(one, (product, 1), key=key).status == 201
    answer = order(other, (product, 1), key=key)
    assert (answer.status, "idempotency-replayed" in answer.headers) == (201, False)
    charged = call(
        "point/charge_points",
        "POST",
        "/users/me/points/charges",
        body={"amount": 5},
        token=one.token,
        key=key,
    )
    assert (charged.status, "idempotency-replayed" in charged.headers) == (201, False)
    assert (stock_of(product), balance_of(one.user_id)) == (3, 5)


def test_a_refusal_is_replayed_unchanged() -> None:
    product, buyer, key = a_product(stock=0, price=100), a_buyer(points=1000), a_key()
    first = order(buyer, (product, 1), key=key)
    again = order(buyer, (product, 1), key=key)
    assert first.status == 409
    assert (again.status, again.json) == (409, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["content-type"] == "application/problem+json"


def test_a_correctable_refusal_leaves_the_key_usable() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    assert order(buyer, (product, 0), key=key).status == 422
    answer = order(buyer, (product, 1), key=key)
    assert (answer.status, "idempotency-replayed" in answer.headers) == (201, False)
