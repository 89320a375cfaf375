"""Payments by the gateway's token of a card, whose number never reaches the shop."""

from typing import Any

import pytest

from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call
from tests.support.orders import status_of
from tests.support.payments import (
    a_card_order,
    a_token,
    follow,
    pay,
    payments_of,
    settled,
    statuses_of,
    sync,
)
from tests.support.sessions import a_signed_in_buyer
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin, assert_books_hold

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


@pytest.fixture
def product() -> str:
    return a_product(stock=5, price=500)


def call_pay(buyer: Person, body: dict[str, Any]) -> Answer:
    return call("payment/pay_order", "POST", "/payments", body=body, token=buyer.token, key=a_key())


def test_a_token_pays_an_order_and_the_card_is_known_afterwards(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id, token = a_card_order(buyer, product), a_token(gateway, "1111-2222-3333-4444")
    answer = pay(buyer, order_id, payment_token=token)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert answer.json["card_last4"] is None
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert [each.card_last4 for each in payments_of(order_id)] == ["4444"]
    assert_books_hold(product, users=[buyer.user_id])


def test_a_used_token_pays_nothing_more_and_the_order_stays_payable(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    first, second = a_card_order(buyer, product), a_card_order(buyer, product)
    token = a_token(gateway)
    assert pay(buyer, first, payment_token=token).status == 201
    settled(first, "SUCCEEDED")
    for _ in range(4):
        refused = pay(buyer, second, payment_token=token)
        assert (refused.status, refused.json["code"]) == (409, "TOKEN_USED")
    follow(second)
    assert status_of(second) == "PENDING"
    assert gateway.transactions(second) == []
    assert pay(buyer, second, payment_token=a_token(gateway)).status == 201


@pytest.mark.parametrize("why", ["expired", "unknown", "of another card type"])
def test_a_token_that_is_not_good_pays_nothing(
    gateway: RunningGateway, buyer: Person, product: str, why: str
) -> None:
    order_id = a_card_order(buyer, product)
    if why == "expired":
        gateway.system.token_seconds = 0
    token = a_token(gateway, card_type="SAMSUNG" if why == "of another card type" else "KB")
    refused = pay(buyer, order_id, payment_token="TK-none" if why == "unknown" else token)
    if why == "of another card type":  # the gateway refuses the card, not the token
        assert (refused.status, refused.json["failure_reason"]) == (201, "DECLINED")
    else:
        assert (refused.status, refused.json["code"]) == (409, "TOKEN_USED")
    assert gateway.transactions(order_id) == []
    assert statuses_of(order_id) == ["FAILED"]


def test_a_token_that_failed_with_the_gateway_is_still_good(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id, token, key = a_card_order(buyer, product), a_token(gateway), a_key()
    gateway.behave("error")
    assert pay(buyer, order_id, key=key, payment_token=token).status == 503
    gateway.behave("healthy")
    assert pay(buyer, order_id, key=key, payment_token=token).status == 201
    settled(order_id, "FAILED", "SUCCEEDED")
    assert len(gateway.transactions(order_id)) == 1


def test_a_token_that_was_charged_without_an_answer_is_not_charged_again(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id, token, key = a_card_order(buyer, product), a_token(gateway), a_key()
    gateway.behave("charge_then_hang", times=1)
    for _ in range(2):
        answer = pay(buyer, order_id, key=key, payment_token=token)
        assert (answer.status, answer.json["status"]) == (201, "PENDING")
    settled(order_id, "SUCCEEDED")
    assert len(gateway.transactions(order_id)) == 1


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({}, "CARD_REQUIRED"),
        ({"card_no": "1111-2222-3333-4444", "payment_token": "TK-1"}, "CARD_REQUIRED"),
        ({"payment_token": ""}, "VALIDATION_FAILED"),
        ({"payment_token": "TK 1"}, "VALIDATION_FAILED"),
        ({"payment_token": "x" * 201}, "VALIDATION_FAILED"),
    ],
)
def test_a_payment_names_one_card(
    buyer: Person, product: str, card: dict[str, Any], code: str
) -> None:
    order_id = a_card_order(buyer, product)
    body = {"order_id": order_id, "card_type": "KB", **card}
    answer = call_pay(buyer, body)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert statuses_of(order_id) == []


@pytest.mark.parametrize(
    ("environment", "accepts", "status"),
    [
        ("production", "true", 422),
        ("production", "false", 422),
        ("development", "false", 422),
        ("development", "true", 201),
    ],
)
def test_card_numbers_are_accepted_in_development_only(
    gateway: RunningGateway,
    product: str,
    monkeypatch: pytest.MonkeyPatch,
    environment: str,
    accepts: str,
    status: int,
) -> None:
    buyer = a_signed_in_buyer()
    order_id = a_card_order(buyer, product)
    database().run([Query("SELECT 1")])
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", "https://shop.example.com/payments/callbacks")
    monkeypatch.setenv("ACCEPT_RAW_CARDS", accepts)
    monkeypatch.setenv("ENVIRONMENT", environment)
    answer = pay(buyer, order_id)
    monkeypatch.setenv("ENVIRONMENT", "development")
    assert answer.status == status
    if status == 422:
        assert answer.json["code"] == "RAW_CARDS_REFUSED"
        assert [each["field"] for each in answer.json["errors"]] == ["card_no"]
        assert statuses_of(order_id) == []


def test_staff_see_the_gateways_reason_and_shoppers_a_decline(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id, payment_token=a_token(gateway))
    settled(order_id, "FAILED")
    [payment] = payments_of(order_id)
    admin = an_admin()
    shown = [
        call("payment/get_payment", "GET", f"/payments/{payment.id}", token=buyer.token).json,
        *call("order/get_order", "GET", f"/orders/{order_id}", token=buyer.token).json["payments"],
        *call("operations/get_order_as_admin", "GET", f"/admin/orders/{order_id}",
              token=admin.token).json["payments"],
        sync(admin, str(payment.id)).json,
    ]  # fmt: skip
    assert [each["failure_reason"] for each in shown] == [
        "DECLINED", "DECLINED", "LIMIT_EXCEEDED", "LIMIT_EXCEEDED",
    ]  # fmt: skip
    assert {each["card_last4"] for each in shown} == {"9876"}
