"""Points that a card pays: credited once it was charged, and refunded where they cannot be."""

from typing import Any
from uuid import UUID

import pytest

from commerce.app.transactions import in_transaction
from commerce.point import PointFacade
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from tests.support.gateway import RunningGateway
from tests.support.payments import (
    a_callback,
    a_card,
    consume,
    events_of_payments,
    follow,
    reconcile,
    settled,
    statuses_of,
)
from tests.support.points import (
    a_user,
    charge_seen,
    grant,
    ledger_of,
    post_charge,
    status_of_charge,
)
from tests.support.queues import OpsTopic
from tests.support.sessions import a_signed_in_buyer
from tests.support.shop import Person, a_buyer, a_key, assert_books_hold, balance_of, rows

pytestmark = pytest.mark.usefixtures("shop_environment")

CARD = a_card()


@pytest.fixture
def buyer(monkeypatch: pytest.MonkeyPatch) -> Person:
    user = a_user()
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    return user


def charged(gateway: RunningGateway, charge_id: str) -> dict[str, Any]:
    """The transaction of a charge, as callbacks show it."""
    [found] = gateway.transactions(charge_id)
    return {name: found[name] for name in ("transactionKey", "orderId", "amount", "status")}


def assert_credited_once(buyer: Person, charge_id: str, amount: int) -> None:
    assert status_of_charge(buyer, charge_id) == "CREDITED"
    assert ledger_of(buyer.user_id) == [(amount, "CHARGED", amount)]
    assert_books_hold(users=[buyer.user_id])


def test_points_are_credited_once_their_card_was_charged(
    gateway: RunningGateway, buyer: Person
) -> None:
    answer = post_charge(buyer, 700, **CARD)

    charge = answer.json
    assert (answer.status, charge["status"], charge["balance"]["amount"]) == (201, "PENDING", 0)
    payment = charge["payment"]
    assert (payment["status"], payment["order_id"], payment["charge_id"]) == (
        "PENDING",
        None,
        charge["charge_id"],
    )
    settled(charge["charge_id"], "SUCCEEDED")
    assert balance_of(buyer.user_id) == 0
    for _ in range(2):
        follow(charge["charge_id"])
    assert_credited_once(buyer, charge["charge_id"], 700)
    seen = charge_seen(buyer, charge["charge_id"]).json
    assert (seen["balance"]["amount"], seen["payment"]["status"]) == (700, "SUCCEEDED")
    [transaction] = gateway.transactions(charge["charge_id"])
    assert (transaction["amount"], transaction["userId"]) == (700, str(buyer.user_id))


@pytest.mark.parametrize("way", ["refused at once", "declined"])
def test_a_declined_card_charges_no_points(
    gateway: RunningGateway, buyer: Person, way: str
) -> None:
    if way == "declined":
        gateway.behave("healthy", result="LIMIT_EXCEEDED")
    else:
        gateway.behave("refuse")
    charge_id = post_charge(buyer, 700, **CARD).json["charge_id"]
    settled(charge_id, "FAILED")
    follow(charge_id)
    seen = charge_seen(buyer, charge_id).json
    assert (seen["status"], seen["payment"]["failure_reason"]) == ("FAILED", "DECLINED")
    assert balance_of(buyer.user_id) == 0
    assert_books_hold(users=[buyer.user_id])


@pytest.mark.usefixtures("own_shop")
def test_a_charge_without_an_answer_is_found_by_its_id(
    gateway: RunningGateway, buyer: Person
) -> None:
    gateway.behave("charge_then_hang")
    answer = post_charge(buyer, 700, **CARD)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    reconcile()
    follow(answer.json["charge_id"])
    assert_credited_once(buyer, answer.json["charge_id"], 700)


def test_a_charge_that_the_gateway_never_took_may_be_tried_again(
    gateway: RunningGateway, buyer: Person
) -> None:
    key = a_key()
    gateway.behave("error")
    refused = post_charge(buyer, 700, key, **CARD)
    assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
    gateway.behave("healthy")

    charge_id = post_charge(buyer, 700, key, **CARD).json["charge_id"]

    settled(charge_id, "SUCCEEDED")
    [first] = rows(
        "SELECT id FROM point_charge WHERE user_id = $1 AND id <> $2", buyer.user_id, charge_id
    )
    for each in (str(first.id), charge_id):
        follow(each)
    assert status_of_charge(buyer, str(first.id)) == "FAILED"
    assert_credited_once(buyer, charge_id, 700)


@pytest.mark.usefixtures("own_shop")
@pytest.mark.parametrize("when", ["before its charge fails", "after it"])
def test_a_late_success_credits_a_pending_charge_and_else_is_refunded(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, when: str
) -> None:
    gateway.behave("hang")
    charge_id = post_charge(buyer, 700, **CARD).json["charge_id"]
    gateway.behave("lose_callback")
    rows("UPDATE payment SET requested_at = now() - interval '121 seconds' WHERE charge_id = $1",
         charge_id)  # fmt: skip
    assert reconcile()["ended"] == 1
    if when == "after it":
        follow(charge_id)
        assert status_of_charge(buyer, charge_id) == "FAILED"
    late = pay_behind_our_back(gateway, buyer, charge_id, 700)
    assert a_callback(gateway, late).status == 200
    follow(charge_id)
    if when == "after it":
        assert statuses_of(charge_id) == ["FAILED", "REFUNDED"]
        assert balance_of(buyer.user_id) == 0
        [(subject, message)] = topic.received()
        assert subject.startswith("CHARGED_IN_VAIN")
        assert (message["charge_id"], message["order_id"]) == (charge_id, "")
    else:
        assert_credited_once(buyer, charge_id, 700)
    assert_books_hold(users=[buyer.user_id])


def pay_behind_our_back(
    gateway: RunningGateway, buyer: Person, charge_id: str, amount: int
) -> dict[str, Any]:
    """Have the gateway charge a card once more, as a request would that arrives late."""
    from infra.local.gateway.behaviour import Settlement
    from infra.local.gateway.system import PaymentRequest

    request = PaymentRequest(
        str(buyer.user_id), charge_id, "KB", "****-****-****-9876", amount, "http://127.0.0.1:9"
    )
    transaction = gateway.system.take(request, Settlement("SUCCESS", 0.0, callbacks=0))
    shown = transaction.shown
    return {name: shown[name] for name in ("transactionKey", "orderId", "amount", "status")}


def test_points_that_cannot_be_credited_are_refunded_and_alerted(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_POINT_BALANCE", "1000")
    charge_id = post_charge(buyer, 700, **CARD).json["charge_id"]
    settled(charge_id, "SUCCEEDED")
    assert grant(buyer.user_id, 301).status == 201
    follow(charge_id)
    assert (status_of_charge(buyer, charge_id), statuses_of(charge_id)) == ("FAILED", ["REFUNDED"])
    assert ledger_of(buyer.user_id) == [(301, "GRANTED", 301)]
    [(subject, _)] = topic.received()
    assert subject.startswith("CHARGED_IN_VAIN")
    assert gateway.transactions(charge_id)[0]["refunded_at"]
    assert_books_hold(users=[buyer.user_id])


def test_a_charge_that_has_ended_is_never_credited(gateway: RunningGateway, buyer: Person) -> None:
    gateway.behave("refuse")
    failed = post_charge(buyer, 700, **CARD).json["charge_id"]
    settled(failed, "FAILED")
    follow(failed)
    gateway.behave("healthy")
    credited = post_charge(buyer, 300, **CARD).json["charge_id"]
    settled(credited, "SUCCEEDED")
    follow(credited)

    for charge_id in (failed, credited):
        assert not in_transaction(PointFacade.credit_charge, UUID(charge_id))

    assert ledger_of(buyer.user_id) == [(300, "CHARGED", 300)]


def test_a_result_that_arrives_twice_is_credited_once(
    gateway: RunningGateway, buyer: Person
) -> None:
    charge_id = post_charge(buyer, 700, **CARD).json["charge_id"]
    settled(charge_id, "SUCCEEDED")
    [succeeded] = [
        each for each in events_of_payments(charge_id) if each["type"] == "PaymentSucceeded"
    ]
    for _ in range(2):
        assert consume("order/on_payment_succeeded", succeeded)
    assert_credited_once(buyer, charge_id, 700)


def test_a_repeated_charge_is_one_charge_with_the_same_answer(
    gateway: RunningGateway, buyer: Person
) -> None:
    key = a_key()
    first = post_charge(buyer, 700, key, **CARD)
    settled(first.json["charge_id"], "SUCCEEDED")
    follow(first.json["charge_id"])
    again = post_charge(buyer, 700, key, **CARD)
    assert (again.status, again.json) == (201, first.json)
    assert_credited_once(buyer, first.json["charge_id"], 700)
    other = post_charge(buyer, 700, key, **a_card(card_no="1111-2222-3333-4444"))
    assert (other.status, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize(
    ("charging", "card", "status", "code"),
    [
        ("CLOSED", {}, 403, "CHARGING_CLOSED"),
        ("CLOSED", CARD, 403, "CHARGING_CLOSED"),
        ("FREE", CARD, 422, "CARD_NOT_NEEDED"),
        ("CARD", {}, 422, "CARD_REQUIRED"),
        ("CARD", {"card_type": "KB"}, 422, "CARD_REQUIRED"),
        ("CARD", {**CARD, "payment_token": "TK-1"}, 422, "CARD_REQUIRED"),
    ],
)
def test_what_the_shop_does_not_offer_charges_nothing(
    buyer: Person,
    monkeypatch: pytest.MonkeyPatch,
    charging: str,
    card: dict[str, str],
    status: int,
    code: str,
) -> None:
    monkeypatch.setenv("POINT_CHARGING", charging)
    answer = post_charge(buyer, 700, **card)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert rows("SELECT id FROM point_charge WHERE user_id = $1", buyer.user_id) == []


@pytest.mark.parametrize(
    ("environment", "code"), [("production", "CARD_REQUIRED"), ("development", None)]
)
def test_charging_is_by_card_in_production_and_free_elsewhere(
    monkeypatch: pytest.MonkeyPatch, environment: str, code: str | None
) -> None:
    buyer = a_signed_in_buyer()
    monkeypatch.delenv("POINT_CHARGING", raising=False)
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", "https://shop.example.com/payments/callbacks")
    database().run([Query("SELECT 1")])  # connected before production asks for more
    monkeypatch.setenv("ENVIRONMENT", environment)
    assert post_charge(buyer, 700).json.get("code") == code


def test_a_charge_is_its_users_alone(gateway: RunningGateway, buyer: Person) -> None:
    charge_id = post_charge(buyer, 700, **CARD).json["charge_id"]
    other = charge_seen(a_buyer(), charge_id)
    assert (other.status, other.json["code"]) == (403, "NOT_YOUR_CHARGE")
    unknown = charge_seen(buyer, "none")
    assert (unknown.status, unknown.json["code"]) == (404, "CHARGE_NOT_FOUND")
