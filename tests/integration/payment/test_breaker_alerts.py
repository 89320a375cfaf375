"""The circuit breaker's changes: payments stop, operators are alerted, and payments go on."""

import json
from typing import Any

import pytest

from commerce.app.checkout import gateway as payment_gateways
from tests.support.gateway import RunningGateway
from tests.support.orders import status_of
from tests.support.other_connection import wait_until
from tests.support.payments import a_card_order, pay
from tests.support.queues import OpsTopic
from tests.support.shop import a_buyer, a_product
from tests.support.valkey import forget_breaker, forget_valkey

pytestmark = pytest.mark.usefixtures("own_shop")


@pytest.fixture(autouse=True)
def quick(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("BREAKER_OPEN_SECONDS", "4")
    monkeypatch.setenv("BREAKER_TRIAL_CALLS", "1")
    forget_valkey()
    yield
    forget_breaker()
    monkeypatch.undo()
    payment_gateways._payment_gateway.cache_clear()


def metrics(text: str) -> dict[str, float]:
    """Return the measurements in CloudWatch's embedded format."""
    counted: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("{") and "PaymentBreaker" in line:
            measured = json.loads(line)
            for name in ("PaymentBreakerOpened", "PaymentBreakerChanged"):
                counted[name] = counted.get(name, 0) + sum(measured.get(name, [0]))
    return counted


def test_a_breaker_that_opens_stops_payments_and_alerts(
    gateway: RunningGateway, topic: OpsTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    buyer, product = a_buyer(), a_product(stock=1, price=500)
    order_id = a_card_order(buyer, product)
    gateway.behave("error")
    for _ in range(4):  # of three calls each: ten are enough
        assert pay(buyer, order_id).status == 503
    asked = len(gateway.outcomes(order_id))

    refused = pay(buyer, order_id)

    assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
    assert 1 <= int(refused.headers["retry-after"]) <= 4
    assert len(gateway.outcomes(order_id)) == asked
    [(subject, message)] = topic.received()
    assert subject == "PAYMENT_BREAKER_CHANGED closed to open"
    assert "HTTP 500" in message["cause"]
    assert (message["from"], message["to"]) == ("closed", "open")
    assert metrics(capsys.readouterr().out) == {
        "PaymentBreakerOpened": 1,
        "PaymentBreakerChanged": 1,
    }

    gateway.behave("healthy")
    wait_until(lambda: pay(buyer, order_id).status == 201)

    subjects = [subject for subject, _ in topic.received()]
    assert subjects == [
        "PAYMENT_BREAKER_CHANGED open to half-open",
        "PAYMENT_BREAKER_CHANGED half-open to closed",
    ]
    wait_until(lambda: len(gateway.transactions(order_id)) == 1)
    assert status_of(order_id) == "PENDING"


def test_an_alert_that_fails_stops_no_payment(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPS_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:no-such-topic")
    buyer, product = a_buyer(), a_product(stock=1, price=500)
    order_id = a_card_order(buyer, product)
    gateway.behave("error")
    assert {pay(buyer, order_id).status for _ in range(5)} == {503}
    gateway.behave("healthy")
    wait_until(lambda: pay(buyer, order_id).status == 201)
