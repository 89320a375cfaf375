"""The claim row as callers see it: one answer per key, refusals included, or a request to wait."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.lambda_calls import Answer, call
from tests.support.orders import cancel, place
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.proxy import PostgresProxy
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    an_admin,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
CANCELLATION = "/orders/{order_id}/cancellation"
CLAIM = "INSERT INTO once (scope, key, fingerprint, claimed_at) VALUES ($1, $2, '', now())"


def order(buyer: Person, product_id: str, key: str, quantity: int = 1) -> Answer:
    lines = [{"product_id": product_id, "quantity": quantity}]
    body = {"lines": lines, "payment_method": "POINT"}
    return call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key)


def cancel_with(buyer: Person, order_id: str, key: str) -> Answer:
    path = f"/orders/{order_id}/cancellation"
    return call(
        "order/cancel_order", "POST", path, resource=CANCELLATION, token=buyer.token, key=key
    )


def adjust(product_id: str, delta: int, key: str, admin: Person | None = None) -> Answer:
    path = f"/admin/products/{product_id}/stock/adjustments"
    body = {"delta": delta, "reason": "FOUND"}
    return call(
        "product/adjust_stock", "POST", path, body=body, token=(admin or an_admin()).token, key=key
    )


def is_replayed(answer: Answer) -> bool:
    return answer.headers.get("idempotency-replayed") == "true"


def test_a_repeat_waits_for_the_first_request_and_gets_its_answer(own_shop: str) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    hold = "SELECT 1 FROM stock WHERE product_id = $1 FOR UPDATE"
    name = own_shop.rsplit("/", 1)[1]
    with ThreadPoolExecutor(max_workers=2) as threads, an_observer(own_shop) as look:
        with held_by_another(own_shop, hold, product):
            first, second = (
                threads.submit(run_concurrently, [lambda: order(buyer, product, key)])
                for _ in range(2)
            )
            wait_until(lambda: len(look(BLOCKED, name)) == 2)
        answers = [*first.result(), *second.result()]
    assert [each.status for each in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert sorted(map(is_replayed, answers)) == [False, True]
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)


@pytest.mark.parametrize("operation", ["POST /orders", f"POST {CANCELLATION}"])
def test_a_repeat_of_a_request_that_still_runs_is_a_conflict(own_shop: str, operation: str) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    placed = place(buyer, (product, 1)).json["order_id"]
    with held_by_another(own_shop, CLAIM, f"{buyer.user_id} {operation}", key):
        if operation == "POST /orders":
            answer = order(buyer, product, key)
        else:
            answer = cancel_with(buyer, placed, key)
    assert (answer.status, answer.json["code"]) == (409, "REQUEST_IN_PROGRESS")
    assert answer.headers["retry-after"] == "1"
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)
    assert cancel_with(buyer, placed, key).status == 200  # the key can be used again
    assert_books_hold(product, users=[buyer.user_id])


def test_a_refusal_is_the_answer_to_its_key_after_the_stock_came_back() -> None:
    product, buyer, key = a_product(stock=0, price=100), a_buyer(points=1000), a_key()
    refused = order(buyer, product, key)
    assert (refused.status, refused.json["code"]) == (409, "OUT_OF_STOCK")
    assert not is_replayed(refused)
    assert adjust(product, 5, a_key()).status == 201
    again = order(buyer, product, key)
    assert (again.status, again.json, is_replayed(again)) == (409, refused.json, True)
    assert again.headers["content-type"] == "application/problem+json"
    assert order(buyer, product, key, quantity=2).json["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert order(buyer, product, a_key()).status == 201
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)


def test_a_refused_adjustment_names_its_orders_again() -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    placed = order(buyer, product, a_key(), quantity=3).json["order_id"]
    admin = an_admin()
    refused = adjust(product, -4, key, admin)
    assert (refused.status, refused.json["code"]) == (409, "OVERSOLD")
    assert placed in str(refused.json)
    again = adjust(product, -4, key, admin)
    assert (again.status, again.json, is_replayed(again)) == (409, refused.json, True)


@pytest.mark.parametrize(
    ("wrong", "status"), [({"quantity": 0}, 422), ({"product_id": "", "quantity": 1}, 422)]
)
def test_a_key_is_free_after_a_refusal_that_can_be_corrected(
    wrong: dict[str, Any], status: int
) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    body = {"lines": [{"product_id": product, **wrong}], "payment_method": "POINT"}
    refused = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key)
    assert refused.status == status
    assert order(buyer, product, key).status == 201


def test_many_refused_requests_with_one_key_get_one_answer(own_shop: str) -> None:
    product, buyer, key = a_product(stock=0, price=100), a_buyer(points=1000), a_key()
    answers = run_concurrently([lambda: order(buyer, product, key) for _ in range(20)])
    assert {each.json["code"] for each in answers} == {"OUT_OF_STOCK"}
    assert len({each.json["request_id"] for each in answers}) == 1
    assert sum(not is_replayed(each) for each in answers) == 1


def test_all_repeats_get_one_answer_while_the_stock_comes_back(own_shop: str) -> None:
    product, buyer, key = a_product(stock=0, price=100), a_buyer(points=10_000), a_key()
    orders = [lambda: order(buyer, product, key)] * 10
    _, *answers = run_concurrently([lambda: adjust(product, 5, a_key()), *orders, *orders])
    answers.append(order(buyer, product, key))
    given = {(each.status, each.json.get("order_id"), each.json.get("code")) for each in answers}
    assert len(given) == 1, given
    placed = rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id)
    assert [str(row.id) for row in placed] == [each for _, each, _ in given if each is not None]
    assert stock_of(product) == 5 - len(placed)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_replayed_answer_takes_one_round_trip(proxy: PostgresProxy) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(points=1000), a_key()
    placed = order(buyer, product, key)
    assert cancel(buyer, place(buyer, (product, 1)).json["order_id"]).status == 200  # warm
    proxy.forget()
    again = order(buyer, product, key)
    assert (again.json, is_replayed(again)) == (placed.json, True)
    assert len(proxy.trips) == 1
