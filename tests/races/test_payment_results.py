"""Callbacks, reconcilers and an admin's syncs bring one result at the same moment: one wins."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from commerce.payment.signature import CALLBACK_HEADERS
from commerce.shared import clock
from infra.local.gateway import Mode, Result
from infra.local.ports import LOOPBACK
from tests.support.charges import assert_every_charge_has_its_order
from tests.support.gateway import RunningGateway
from tests.support.orders import cancel, history_of, status_of, types_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    a_card_order,
    follow,
    pay,
    payments_of,
    receive,
    reconcile,
    statuses_of,
    sync,
    types_of_payments,
)
from tests.support.shop import Person, a_buyer, a_product, an_admin, stock_of
from tests.support.threads import run_concurrently

THREADS = 20
Bringer = Callable[[], str]


@pytest.fixture(autouse=True)
def everything_is_asked_about(
    own_shop: str, gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop of the test's own; callbacks come from the test, and no payment is too young."""
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", f"http://{LOOPBACK}:9/nobody")
    monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "0")


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


def bringers(gateway: RunningGateway, order_id: str) -> list[Bringer]:
    """Twenty who bring the result: callbacks, reconcilers, syncs by turns."""
    admin = an_admin()
    [payment] = payments_of(order_id)
    [transaction] = gateway.transactions(order_id)
    body = json.dumps({
        name: transaction[name]
        for name in (
            "transactionKey", "orderId", "cardType", "cardNo", "amount", "status", "reason",
        )
    }).encode()  # fmt: skip
    headers = CALLBACK_HEADERS.signed(body, gateway.secret, clock.now())

    def call_back() -> str:
        return f"callback {receive(headers, body).status}"

    def ask_about_all() -> str:
        return f"reconciler {reconcile()['failed']}"

    def ask_about_it() -> str:
        return f"sync {sync(admin, str(payment.id)).status}"

    kinds = call_back, ask_about_all, ask_about_it
    return [kinds[number % 3] for number in range(THREADS)]


def paid_and_settled_there(
    gateway: RunningGateway, buyer: Person, mode: Mode, result: Result | None = None
) -> tuple[str, str]:
    """An order whose payment has its result at the gateway, and not here; and its product."""
    product = a_product(stock=5, price=700)
    order_id = a_card_order(buyer, product)
    gateway.behave(mode, result=result)
    assert pay(buyer, order_id).status == 201
    wait_until(lambda: gateway.transactions(order_id)[0]["status"] != "PENDING")
    gateway.behave("healthy")
    return order_id, product


@pytest.mark.parametrize("mode", ["lose_callback", "charge_then_hang"])
def test_twenty_reports_of_a_success_settle_once(
    gateway: RunningGateway, buyer: Person, mode: Mode
) -> None:
    order_id, product = paid_and_settled_there(gateway, buyer, mode)

    outcomes = Counter(run_concurrently(bringers(gateway, order_id)))

    assert outcomes == {"callback 200": 7, "reconciler 0": 7, "sync 200": 6}
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    follow(order_id)
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    assert [step for step, _, _ in history_of(order_id)] == ["PENDING", "CONFIRMED"]
    assert stock_of(product) == 4
    assert_every_charge_has_its_order(gateway, order_id)


def test_twenty_reports_of_a_failure_settle_once(gateway: RunningGateway, buyer: Person) -> None:
    order_id, product = paid_and_settled_there(
        gateway, buyer, "lose_callback", result="LIMIT_EXCEEDED"
    )

    outcomes = Counter(run_concurrently(bringers(gateway, order_id)))

    assert outcomes == {"callback 200": 7, "reconciler 0": 7, "sync 200": 6}
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentFailed"]
    follow(order_id)
    assert (types_of(order_id), status_of(order_id)) == (["OrderPlaced"], "PENDING")
    assert stock_of(product) == 4
    assert_every_charge_has_its_order(gateway, order_id)


def test_a_success_during_a_cancellation_is_confirmed_or_refunded(
    gateway: RunningGateway, buyer: Person
) -> None:
    """Confirmed and cancelled, or cancelled and paid in vain: the money goes back, once."""
    order_id, product = paid_and_settled_there(gateway, buyer, "lose_callback")

    def cancel_order() -> str:
        return f"cancel {cancel(buyer, order_id).status}"

    def follow_order() -> str:
        follow(order_id)
        return "follow"

    calls = [*bringers(gateway, order_id)[:-2], cancel_order, follow_order]
    outcomes = Counter(run_concurrently(calls))

    assert outcomes["cancel 200"] == 1
    while statuses_of(order_id) != ["REFUNDED"]:
        follow(order_id)
        reconcile()
    assert status_of(order_id) == "CANCELLED"
    assert Counter(types_of_payments(order_id))["PaymentRefunded"] == 1
    assert len(gateway.transactions(order_id)) == 1
    assert stock_of(product) == 5
    assert_every_charge_has_its_order(gateway, order_id)
