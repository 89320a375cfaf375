"""The total that was agreed is charged, however prices and coupons change meanwhile."""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from commerce.shared import clock
from tests.support.admin import edit_product
from tests.support.coupons import a_coupon, an_issued, end
from tests.support.lambda_calls import Answer
from tests.support.orders import outcome, place, won
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    a_striped_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

BUYERS, ORDERS, EDITS = 8, 12, 40
STOCK, POINTS = 5_000, 10_000_000


@dataclass(frozen=True)
class Spoken:
    """An order that a buyer sent between these moments: the agreed total, and the answer."""

    began: datetime
    agreed: int
    answer: Answer
    ended: datetime


@dataclass(frozen=True)
class Edit:
    """A price, and when it was set: somewhere between these moments."""

    began: datetime
    price: int
    ended: datetime


def order_often(buyer: Person, send: Callable[..., Answer], agreed: int) -> list[Spoken]:
    """Order, and agree to the total that each refusal names."""
    found = list[Spoken]()
    while sum(each.answer.status == 201 for each in found) < ORDERS:
        assert len(found) < ORDERS * EDITS
        began = clock.now()
        answer = send(buyer, expected_total=won(agreed))
        found.append(Spoken(began, agreed, answer, clock.now()))
        if answer.json.get("code") == "PRICE_CHANGED":
            agreed = answer.json["total"]["amount"]
    return found


def edit_often(product: str, prices: range) -> list[Edit]:
    done = list[Edit]()
    for price in itertools.islice(itertools.cycle(prices), EDITS):
        began = clock.now()
        assert edit_product(product, price_amount=price).status == 200
        done.append(Edit(began, price, clock.now()))
    return done


def prices_between(edits: list[Edit], first: int, began: datetime, ended: datetime) -> set[int]:
    """Prices that may have been the product's at a moment between these."""
    before = [each for each in edits if each.ended <= began]
    during = {each.price for each in edits if each.ended > began and each.began < ended}
    return {before[-1].price if before else first} | during


@pytest.mark.parametrize("stripes", [1, 4])
@pytest.mark.parametrize("payment_method", ["POINT", "CARD"])
def test_no_order_costs_what_its_buyer_did_not_agree_to(
    payment_method: str, stripes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_UNPAID_ORDERS", str(ORDERS))
    product = (
        a_striped_product(stripes, STOCK, price=1_000) if stripes > 1 else a_product(STOCK, 1_000)
    )
    buyers = [a_buyer(POINTS) for _ in range(BUYERS)]

    def send(buyer: Person, **more: Any) -> Answer:
        return place(buyer, (product, 1), payment_method=payment_method, **more)

    calls: list[Callable[[], Any]] = [partial(order_often, each, send, 1_000) for each in buyers]
    calls.append(partial(edit_often, product, range(1_001, 1_009)))
    *heard, edits = run_concurrently(calls)

    every = [each for one in heard for each in one]
    assert set(Counter(outcome(each.answer) for each in every)) <= {"201", "PRICE_CHANGED"}
    for each in every:
        named = each.answer.json["total"]["amount"]
        assert (named == each.agreed) is (each.answer.status == 201)
        assert named in prices_between(edits, 1_000, each.began, each.ended)
    charged = {
        str(row.id): row.cost
        for row in rows(
            "SELECT id, total_amount - discount_amount AS cost FROM orders"
            " WHERE buyer_id = ANY (CAST($1 AS uuid[]))",
            [each.user_id for each in buyers],
        )
    }
    placed = [each for each in every if each.answer.status == 201]
    assert charged == {each.answer.json["order_id"]: each.agreed for each in placed}
    assert stock_of(product) == STOCK - len(placed)
    assert_books_hold(product, users=[each.user_id for each in buyers])


@pytest.mark.parametrize("round_", range(3))
def test_a_coupon_that_many_use_or_that_ends_charges_what_was_agreed(round_: int) -> None:
    product, coupon = a_product(STOCK, 1_000), a_coupon(value=100)
    buyers = [a_buyer(POINTS) for _ in range(BUYERS)]
    copies = [an_issued(each, coupon) for each in buyers]
    calls: list[Callable[[], Any]] = [
        partial(place, buyer, (product, 1), issued_coupon_id=copy, expected_total=won(cost))
        for buyer, copy in zip(buyers, copies, strict=True)
        for cost in (900, 900, 1_000)
    ]
    calls.append(partial(end, coupon))
    answers = run_concurrently(calls)[:-1]
    for number, buyer in enumerate(buyers):
        outcomes = sorted(outcome(each) for each in answers[3 * number : 3 * number + 3])
        assert set(outcomes) <= {"201", "COUPON_NOT_USABLE", "PRICE_CHANGED"}
        assert outcomes.count("201") <= 1
        assert balance_of(buyer.user_id) == POINTS - 900 * outcomes.count("201")
        assert outcome(answers[3 * number + 2]) != "201"
    assert_books_hold(product, users=[each.user_id for each in buyers], coupons=[coupon])
