"""Charges of points and payments at once: limits are exact, and a charge is credited once."""

from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.support.gateway import RunningGateway
from tests.support.orders import outcome
from tests.support.payments import (
    a_card,
    a_card_order,
    consume,
    events_of_payments,
    follow,
    pay,
    reconcile,
    settled,
    statuses_of,
)
from tests.support.points import a_user, grant, ledger_of, post_charge, status_of_charge
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def outcomes(calls: list[Any]) -> Counter[str]:
    return Counter(outcome(each) for each in run_concurrently(calls, deadline_seconds=120))


@pytest.mark.parametrize(
    ("limit", "code"),
    [("POINTS_CHARGED_PER_DAY", "DAILY_CHARGE_LIMIT"), ("MAX_POINT_BALANCE", "BALANCE_LIMIT")],
)
def test_many_charges_at_once_stay_within_the_limit(
    limit: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(limit, "1000")
    buyer = a_buyer()
    found = outcomes([partial(post_charge, buyer, 300)] * 16)
    assert found == {"201": 3, code: 13}
    assert balance_of(buyer.user_id) == 900
    assert_books_hold(users=[buyer.user_id])


def test_many_charges_by_card_at_once_stay_within_the_limit(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    monkeypatch.setenv("MAX_POINT_BALANCE", "1000")
    buyer = a_buyer()
    found = outcomes([partial(post_charge, buyer, 300, **a_card())] * 16)
    assert found == {"201": 3, "BALANCE_LIMIT": 13}
    charges = [
        str(row.id) for row in rows("SELECT id FROM point_charge WHERE user_id = $1", buyer.user_id)
    ]
    for each in charges:
        settled(each, "SUCCEEDED")
        follow(each)
    assert balance_of(buyer.user_id) == 900
    assert_books_hold(users=[buyer.user_id])


def test_one_key_is_one_charge_and_one_payment(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    buyer, key = a_buyer(), a_key()
    found = outcomes([partial(post_charge, buyer, 300, key, **a_card())] * 8)
    assert set(found) <= {"201", "REQUEST_IN_PROGRESS"}
    charge_id = post_charge(buyer, 300, key, **a_card()).json["charge_id"]
    settled(charge_id, "SUCCEEDED")
    follow(charge_id)
    assert len(gateway.transactions(charge_id)) == 1
    assert ledger_of(buyer.user_id) == [(300, "CHARGED", 300)]
    assert_books_hold(users=[buyer.user_id])


@pytest.mark.usefixtures("own_shop")
@pytest.mark.parametrize("round_", range(3))
def test_a_result_handled_by_many_beside_a_grant_is_credited_or_refunded_once(
    round_: int, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer = a_user()
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    monkeypatch.setenv("MAX_POINT_BALANCE", "1000")
    charge_id = post_charge(buyer, 700, **a_card()).json["charge_id"]
    settled(charge_id, "SUCCEEDED")
    [succeeded] = [
        each for each in events_of_payments(charge_id) if each["type"] == "PaymentSucceeded"
    ]
    results: list[Any] = [
        *[partial(consume, "order/on_payment_succeeded", succeeded)] * 6,
        partial(grant, buyer.user_id, 500),
        reconcile,
    ]
    run_concurrently(results, deadline_seconds=120)
    assert consume("order/on_payment_succeeded", succeeded)
    if status_of_charge(buyer, charge_id) == "CREDITED":
        assert (balance_of(buyer.user_id), statuses_of(charge_id)) == (1_200, ["SUCCEEDED"])
    else:
        assert (balance_of(buyer.user_id), statuses_of(charge_id)) == (500, ["REFUNDED"])
    assert_books_hold(users=[buyer.user_id])


def a_payer_of(orders: int, monkeypatch: pytest.MonkeyPatch) -> tuple[Person, list[str]]:
    """A buyer with so many unpaid orders."""
    monkeypatch.setenv("MAX_UNPAID_ORDERS", str(orders))
    monkeypatch.setenv("HOLD_LAPSES", str(orders))
    buyer, product = a_buyer(), a_product(stock=orders)
    return buyer, [a_card_order(buyer, product) for _ in range(orders)]


def test_no_more_payments_are_declined_a_day_however_many_at_once(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, orders = a_payer_of(16, monkeypatch)
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    found = outcomes([partial(pay, buyer, each) for each in orders])
    assert found == {"201": 10, "TOO_MANY_DECLINES": 6}
    for each in orders:
        settled(each, *["FAILED"] * len(statuses_of(each)))
    assert sum(len(gateway.transactions(each)) for each in orders) == 10
    refused = pay(buyer, orders[0])
    assert (refused.status, refused.json["code"]) == (429, "TOO_MANY_DECLINES")
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 60 * 60
    assert pay(*_another_payer(monkeypatch)).status == 201


def _another_payer(monkeypatch: pytest.MonkeyPatch) -> tuple[Person, str]:
    buyer, [order_id] = a_payer_of(1, monkeypatch)
    return buyer, order_id


def test_no_more_cards_are_tried_a_day_however_many_at_once(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, orders = a_payer_of(10, monkeypatch)
    cards = [f"4111-2222-3333-{number:04}" for number in range(len(orders))]
    calls = [
        partial(pay, buyer, order, card_no=card) for order, card in zip(orders, cards, strict=True)
    ]
    assert outcomes(calls) == {"201": 5, "TOO_MANY_CARDS": 5}
    paid = [order for order in orders if statuses_of(order)]
    tried = cards[orders.index(paid[0])]
    unpaid = next(order for order in orders if order not in paid)
    settled(paid[0], "SUCCEEDED")
    assert pay(buyer, unpaid, card_no=tried).status == 201  # a card of today's
