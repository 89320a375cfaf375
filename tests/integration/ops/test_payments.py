"""`make ops ARGS="payments unknown"` lists unfinished payments and changes nothing."""

import json

import pytest

from infra.ops.__main__ import main
from tests.support.gateway import RunningGateway
from tests.support.payments import a_card_order, pay, payments_of, reconcile
from tests.support.shop import a_buyer, a_product, rows

pytestmark = pytest.mark.usefixtures("own_shop")


def test_unfinished_payments_are_listed_longest_waiting_first(
    gateway: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.behave("lose_callback")
    buyer, product = a_buyer(), a_product(stock=2, price=500)
    orders = [a_card_order(buyer, product) for _ in range(2)]
    for order_id in orders:
        pay(buyer, order_id)
    rows("UPDATE payment SET changed_at = now() - interval '2 hours' WHERE order_id = $1",
         orders[1])  # fmt: skip
    capsys.readouterr()

    assert main(["payments", "unknown", "--json"]) == 1

    listed = json.loads(capsys.readouterr().out)["payments"]
    [payment] = payments_of(orders[1])
    assert listed[0] == {
        "payment_id": str(payment.id),
        "order_id": orders[1],
        "charge_id": None,
        "status": "PENDING",
        "amount": 500,
        "currency": "KRW",
        "transaction_key": payment.transaction_key,
        "age_seconds": pytest.approx(7200, abs=60),
    }
    assert [each["order_id"] for each in listed] == [orders[1], orders[0]]
    assert main(["payments", "unknown"]) == 1
    shown = capsys.readouterr().out
    assert str(payment.id) in shown
    assert "2 h" in shown


def test_no_unfinished_payment_exits_with_0(
    gateway: RunningGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["payments", "unknown"]) == 0
    assert "Every payment has its end" in capsys.readouterr().out
    assert reconcile()["unknown"] == 0
