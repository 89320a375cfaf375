"""A request that is sent again with its Idempotency-Key is done once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.caller import Answer, Json, a_key, an_order
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop, balance_of
from tests.e2e.stack import Stack

CHARGES = "/users/me/points/charges"


@pytest.fixture(scope="module")
def product(shop: Shop) -> str:
    """A product with a hundred units in stock."""
    return shop.new_product(stock=100, price=10)


def test_a_repeated_order_replays_the_answer(
    stack: Stack, shop: Shop, buyer: Buyer, product: str
) -> None:
    key = a_key()
    first = buyer.api.place_order((product, 2), key=key)
    order = first.require(201)

    with shop.nothing_moves(buyer, product):
        again = [buyer.api.place_order((product, 2), key=key) for _ in range(3)]

    assert [answer.require(201) for answer in again] == [order] * 3
    assert [_is_replayed(answer) for answer in (first, *again)] == [False, True, True, True]
    stack.wait_until_quiet()
    assert len(stack.delivery.notices(order["order_id"])) == 1


def test_a_repeated_charge_replays_the_answer(shop: Shop, buyer: Buyer) -> None:
    key = a_key()
    first = buyer.api.charge_points(500, key=key)
    buyer.api.charge_points(1).require(201)

    with shop.nothing_moves(buyer):
        again = buyer.api.charge_points(500, key=key)

    assert again.require(201) == first.require(201)
    assert (_is_replayed(first), _is_replayed(again)) == (False, True)


def test_a_key_with_another_body_is_refused(shop: Shop, buyer: Buyer, product: str) -> None:
    order_key, charge_key = a_key(), a_key()
    buyer.api.place_order((product, 1), key=order_key).require(201)
    buyer.api.charge_points(500, key=charge_key).require(201)

    with shop.nothing_moves(buyer, product):
        order = buyer.api.place_order((product, 2), key=order_key)
        charge = buyer.api.charge_points(501, key=charge_key)

    order.require_problem(422, "IDEMPOTENCY_KEY_REUSED")
    charge.require_problem(422, "IDEMPOTENCY_KEY_REUSED")


def test_a_key_belongs_to_a_user_and_an_operation(shop: Shop, buyer: Buyer, product: str) -> None:
    other, key = shop.new_buyer(points=1_000), a_key()

    mine = buyer.api.place_order((product, 1), key=key).require(201)
    theirs = other.api.place_order((product, 1), key=key)
    charge = buyer.api.charge_points(700, key=key)

    assert theirs.require(201)["order_id"] != mine["order_id"]
    assert charge.require(201)["balance"]["amount"] == balance_of(buyer)
    assert not _is_replayed(theirs)
    assert not _is_replayed(charge)


def test_the_idempotency_header_name_is_case_insensitive(
    shop: Shop, buyer: Buyer, product: str
) -> None:
    key, body = a_key(), an_order((product, 1))
    first = buyer.api.send("POST", "/orders", body, headers={"idempotency-key": key})
    order = first.require(201)

    with shop.nothing_moves(buyer, product):
        again = buyer.api.send("POST", "/orders", body, headers={"IDEMPOTENCY-KEY": key})

    assert again.require(201) == order


@pytest.mark.parametrize(("path", "body"), [(CHARGES, {"amount": 1}), ("/orders", None)])
def test_a_missing_idempotency_key_is_refused(
    shop: Shop, buyer: Buyer, product: str, path: str, body: Any
) -> None:
    with shop.nothing_moves(buyer, product):
        answer = buyer.api.send("POST", path, body or an_order((product, 1)))

    answer.require_problem(400)


@pytest.mark.parametrize("key", ["k" * 7, "k" * 65], ids=["7 characters", "65 characters"])
@pytest.mark.parametrize(("path", "body"), [(CHARGES, {"amount": 1}), ("/orders", None)])
def test_a_key_shorter_than_8_or_longer_than_64_is_refused(
    shop: Shop, buyer: Buyer, product: str, path: str, body: Json | None, key: str
) -> None:
    with shop.nothing_moves(buyer, product):
        answer = buyer.api.send("POST", path, body or an_order((product, 1)), key=key)

    answer.require_problem(400)


@pytest.mark.parametrize("length", [8, 64])
def test_keys_of_8_and_64_characters_are_accepted(buyer: Buyer, length: int) -> None:
    key = a_key()[:8].ljust(length, "-")

    buyer.api.charge_points(1, key=key).require(201)


def test_simultaneous_orders_with_one_key_are_one_order(shop: Shop) -> None:
    product, key = shop.new_product(stock=20, price=100), a_key()
    buyer = shop.new_buyer(points=10_000)

    with ThreadPoolExecutor(8) as threads:
        sent = [threads.submit(buyer.api.place_order, (product, 1), key=key) for _ in range(8)]
        answers = [each.result() for each in sent]

    orders = {answer.json["order_id"] for answer in answers if answer.status == 201}
    assert len(orders) == 1
    for answer in answers:
        if answer.status != 201:
            answer.require_problem(409, "REQUEST_IN_PROGRESS")
            assert int(answer.headers["Retry-After"]) > 0
    assert shop.stock_of(product) == 19
    assert balance_of(buyer) == 9_900
    again = eventually(lambda: _accepted(buyer.api.place_order((product, 1), key=key)))
    assert {again["order_id"]} == orders
    assert len(buyer.api.orders().require(200)["items"]) == 1


def test_the_last_unit_is_sold_once(shop: Shop) -> None:
    product = shop.new_product(stock=1, price=100)
    buyers = [shop.new_buyer(points=100) for _ in range(6)]

    with ThreadPoolExecutor(len(buyers)) as threads:
        sent = [threads.submit(buyer.api.place_order, (product, 1)) for buyer in buyers]
        answers = [each.result() for each in sent]

    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    assert shop.stock_of(product) == 0
    assert sorted(balance_of(buyer) for buyer in buyers) == [0, 100, 100, 100, 100, 100]


def _accepted(answer: Answer) -> Json | None:
    return answer.json if answer.status == 201 else None


def _is_replayed(answer: Answer) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"
