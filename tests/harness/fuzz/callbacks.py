"""Signed callbacks of a compromised gateway: its transaction record decides, not the callback.

Their fields are those of real transactions, of each other's, and of none. However they are mixed,
a payment comes to what the gateway itself says when it is asked, and to nothing else.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import urllib3
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from commerce.payment import Status
from tests.harness.fuzz.attacks import send
from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.contracts import CORRUPT_VALUES
from tests.harness.fuzz.valid_requests import Attempt, Ready, operations
from tests.harness.fuzz.world import PRICE, World
from tests.support.payments import CALLBACKS, a_card_order, follow, pay, payments_of, reconcile
from tests.support.shop import a_product

Transaction: TypeAlias = Mapping[str, Any]

PAYMENTS = 6
FIELDS = ("transactionKey", "orderId", "amount", "status", "cardType", "cardNo", "reason")


def hostile_callbacks(world: World, cases: int, seeded: int) -> AttackResult:
    """Send callbacks about a few payments, then check each payment's state."""
    result = AttackResult("callbacks of a hostile gateway")
    [operation] = [each for each in operations() if each.path == CALLBACKS]
    blank = Ready(world, operation).attempt()
    orders = [_paid(world) for _ in range(PAYMENTS)]

    @seed(seeded)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(_bodies(_transactions(orders)), st.booleans())
    def receive(body: dict[str, Any], is_sent_twice: bool) -> None:  # noqa: FBT001
        _send_callback(blank, body, result)
        if is_sent_twice:
            _send_callback(blank, body, result)

    receive()
    reconcile()
    for order_id in orders:
        follow(order_id)
    _check_payments(orders, result)
    return result


def _paid(world: World) -> str:
    order_id = a_card_order(world.caller, a_product(price=PRICE))
    assert pay(world.caller, order_id).status == 201
    return order_id


def _transactions(orders: Sequence[str]) -> list[Transaction]:
    """The callbacks that the gateway could send about these orders."""
    return [
        {
            "transactionKey": each.transaction_key,
            "orderId": str(each.order_id),
            "amount": each.amount.amount,
            "status": status,
            "cardType": "KB",
            "cardNo": "****",
            "reason": None,
        }
        for order_id in orders
        for each in payments_of(order_id)
        for status in ("SUCCESS", "FAILED", "PENDING")
    ]


def _bodies(known: Sequence[Transaction]) -> st.SearchStrategy[dict[str, Any]]:
    """A transaction, often with a field of another one or an invalid one."""
    whole = st.sampled_from(known).map(dict)
    mixed = st.builds(
        lambda of, other, name: {**of, name: other[name]},
        whole,
        whole,
        st.sampled_from(FIELDS),
    )
    corrupted = st.builds(
        lambda of, name, value: {**of, name: value},
        whole,
        st.sampled_from(FIELDS),
        st.one_of(st.sampled_from(CORRUPT_VALUES), st.integers(), st.text(max_size=250)),
    )
    short = st.builds(
        lambda of, name: {key: value for key, value in of.items() if key != name},
        whole,
        st.sampled_from(FIELDS),
    )
    return st.one_of(whole, mixed, corrupted, short)


def _send_callback(blank: Attempt, body: dict[str, Any], result: AttackResult) -> None:
    status, answer = send(blank.with_(body=body), result)
    is_of_one = type(body.get("amount")) is int and body["amount"] == PRICE
    if status == 200 and not is_of_one:
        result.find("an amount that is not the payment's was taken", (body, answer))


def _check_payments(orders: Sequence[str], result: AttackResult) -> None:
    answer = urllib3.request("GET", f"{os.environ['GATEWAY_URL']}/transactions")
    truth = {each["transactionKey"]: each for each in answer.json()["items"]}
    for order_id in orders:
        payments = payments_of(order_id)
        if len(payments) != 1:
            result.find("another payment came to be", payments)
        for each in payments:
            record = truth.get(each.transaction_key)
            if each.status is Status.SUCCEEDED and not (record and record["charged_at"]):
                result.find("paid, but the gateway charged nothing", (each, record))
            if each.status is Status.FAILED and (record and record["charged_at"]):
                result.find("failed, but the gateway charged it", (each, record))
