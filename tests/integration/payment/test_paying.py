"""POST /payments: what is asked of the gateway, what is answered, and what it never shows."""

import json
import logging
import os
from typing import Any

import boto3
import pytest

from commerce.app.checkout import card_requests
from commerce.app.transactions import in_transaction
from commerce.payment import PaymentView
from commerce.runtime import idempotency
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.idempotency import Claim
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import call
from tests.support.orders import an_order, cancel, confirm, history_of, status_of, types_of
from tests.support.payments import (
    CARD_NO,
    a_card_order,
    events_of_payments,
    expire,
    follow,
    pay,
    payments_of,
    place_by_card,
    settled,
    statuses_of,
    types_of_payments,
    use_up_tries,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("own_shop")


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=1_000)


@pytest.fixture
def product() -> str:
    return a_product(stock=5, price=500)


# --- orders that are paid by card ----------------------------------------------------------------


def test_a_part_can_be_paid_with_points(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    placed = place_by_card(buyer, (product, 1), points=200).json
    assert (placed["points_used"]["amount"], placed["card_amount"]["amount"]) == (200, 300)
    assert (balance_of(buyer.user_id), stock_of(product)) == (800, 4)
    pay(buyer, placed["order_id"])
    settled(placed["order_id"], "SUCCEEDED")
    follow(placed["order_id"])
    assert gateway.transactions(placed["order_id"])[0]["amount"] == 300
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_fully_paid_with_points_is_confirmed(buyer: Person, product: str) -> None:
    placed = place_by_card(buyer, (product, 1), points=500).json
    assert (placed["status"], placed["card_amount"]["amount"]) == ("CONFIRMED", 0)
    assert placed["expires_at"] is None
    assert types_of(placed["order_id"]) == ["OrderPlaced", "OrderConfirmed"]
    assert_books_hold(product, users=[buyer.user_id])


def test_more_points_than_the_order_costs_are_refused(buyer: Person, product: str) -> None:
    refused = place_by_card(buyer, (product, 1), points=501)
    assert (refused.status, refused.json["code"]) == (422, "POINTS_EXCEED_TOTAL")
    assert refused.json["errors"][0]["field"] == "points"
    assert (balance_of(buyer.user_id), stock_of(product)) == (1_000, 5)


def test_more_points_than_the_balance_are_refused(product: str) -> None:
    refused = place_by_card(a_buyer(points=10), (product, 1), points=11)
    assert (refused.status, refused.json["code"]) == (409, "INSUFFICIENT_POINTS")
    assert stock_of(product) == 5


@pytest.mark.parametrize("points", [0, 1, -1, 1.5, "1"])
def test_a_points_amount_is_refused_when_paying_by_points(
    buyer: Person, product: str, points: Any
) -> None:
    body = {
        "lines": [{"product_id": product, "quantity": 1}],
        "payment_method": "POINT",
        "points": points,
    }
    refused = call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key()
    )
    assert (refused.status, refused.json["code"]) == (422, "VALIDATION_FAILED")
    assert [each["field"] for each in refused.json["errors"]] == ["points"]


# --- refusals ------------------------------------------------------------------------------------


def test_an_unpayable_order_is_refused_without_a_gateway_call(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    by_points = an_order(buyer, (product, 1))
    cancelled = a_card_order(buyer, product)
    cancel(buyer, cancelled)
    confirmed = a_card_order(buyer, product)
    confirm(confirmed)
    expired = a_card_order(buyer, product)
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", expired)
    for order_id in (by_points, cancelled, confirmed, expired):
        refused = pay(buyer, order_id)
        assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_PAYABLE"), order_id
    assert gateway.outcomes() == []


def test_paying_anothers_or_an_unknown_order_is_refused(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    refused = pay(a_buyer(), a_card_order(buyer, product))
    assert (refused.status, refused.json["code"]) == (403, "NOT_YOUR_ORDER")
    missing = pay(buyer, "0198c0de-0000-7000-8000-00000000000c")
    assert (missing.status, missing.json["code"]) == (404, "ORDER_NOT_FOUND")
    assert gateway.outcomes() == []


def test_an_order_has_one_payment_at_a_time(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("lose_callback")
    order_id = a_card_order(buyer, product)
    assert pay(buyer, order_id).status == 201
    refused = pay(buyer, order_id)
    assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_PAYABLE")
    assert len(gateway.transactions(order_id)) == 1


def test_an_order_without_tries_is_not_paid_again_before_it_is_cancelled(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product)
    use_up_tries(gateway, buyer, order_id)
    assert status_of(order_id) == "PENDING"
    refused = pay(buyer, order_id)
    assert (refused.status, refused.json["code"]) == (409, "ORDER_NOT_PAYABLE")
    assert gateway.outcomes(order_id) == ["refused"] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"card_no": "4111222233339876"},
        {"card_no": "4111-2222-3333-987"},
        {"card_no": "4111-2222-3333-98765"},
        {"card_no": "4111-2222-3333-9876\n"},
        {"card_no": "٤١١١-2222-3333-9876"},
        {"card_no": 4111222233339876},
        {"card_type": "VISA"},
        {"extra": 1},
    ],
)
def test_an_invalid_field_is_named_without_its_value(
    gateway: RunningGateway, buyer: Person, product: str, change: dict[str, Any]
) -> None:
    refused = pay(buyer, a_card_order(buyer, product), **change)
    assert (refused.status, refused.json["code"]) == (422, "VALIDATION_FAILED")
    assert [each["field"] for each in refused.json["errors"]] == list(change)
    # The request's id is random and may hold these digits.
    assert "9876" not in json.dumps(refused.json | {"request_id": None})
    assert gateway.outcomes() == []


def test_a_key_is_needed(gateway: RunningGateway, buyer: Person, product: str) -> None:
    body = {"order_id": a_card_order(buyer, product), "card_type": "KB", "card_no": CARD_NO}
    refused = call("payment/pay_order", "POST", "/payments", body=body, token=buyer.token)
    assert (refused.status, refused.json["code"]) == (400, "IDEMPOTENCY_KEY_MISSING")


# --- the same wish again -------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["up", "down"])
def test_one_key_is_one_charge_and_one_answer(
    gateway: RunningGateway,
    buyer: Person,
    product: str,
    store: str,
    request: pytest.FixtureRequest,
) -> None:
    if store == "down":
        request.getfixturevalue("idempotency_store_is_down")
    order_id, key = a_card_order(buyer, product), a_key()
    first = pay(buyer, order_id, key=key)
    settled(order_id, "SUCCEEDED")
    again = [pay(buyer, order_id, key=key) for _ in range(2)]
    assert [each.json for each in again] == [first.json] * 2
    assert [each.status for each in again] == [201] * 2
    assert all(each.headers["idempotency-replayed"] == "true" for each in again)
    assert len(gateway.transactions(order_id)) == 1
    assert gateway.outcomes(order_id) == ["taken"]


@pytest.mark.parametrize("store", ["up", "down"])
def test_one_key_with_another_card_is_refused(
    gateway: RunningGateway,
    buyer: Person,
    product: str,
    store: str,
    request: pytest.FixtureRequest,
) -> None:
    if store == "down":
        request.getfixturevalue("idempotency_store_is_down")
    order_id, key = a_card_order(buyer, product), a_key()
    pay(buyer, order_id, key=key)
    other = CARD_NO.replace("4111", "5111")  # of the same last four digits
    refused = pay(buyer, order_id, key=key, card_no=other)
    assert (refused.status, refused.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


# --- what the gateway does -----------------------------------------------------------------------


def test_a_declined_card_is_answered_at_once_and_keeps_the_unit(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("refuse")
    placed = place_by_card(buyer, (product, 1), points=200).json
    order_id = placed["order_id"]
    answer = pay(buyer, order_id)
    assert (answer.status, answer.json["status"]) == (201, "FAILED")
    assert answer.json["failure_reason"] == "DECLINED"
    follow(order_id)
    order = order_of(buyer, order_id)
    assert (order["status"], order["expires_at"]) == ("PENDING", placed["expires_at"])
    assert (balance_of(buyer.user_id), stock_of(product)) == (800, 4)

    gateway.behave("healthy")
    assert pay(buyer, order_id).json["status"] == "PENDING"
    settled(order_id, "FAILED", "SUCCEEDED")
    follow(order_id)
    order = order_of(buyer, order_id)
    assert order["status"] == "CONFIRMED"
    assert [each["status"] for each in order["payments"]] == ["FAILED", "SUCCEEDED"]
    assert types_of_payments(order_id) == [
        "PaymentRequested",
        "PaymentFailed",
        "PaymentRequested",
        "PaymentSucceeded",
    ]
    assert stock_of(product) == 4
    assert_books_hold(product, users=[buyer.user_id])


def test_the_third_decline_cancels_the_order_and_frees_its_unit(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = place_by_card(buyer, (product, 1), points=200).json["order_id"]
    use_up_tries(gateway, buyer, order_id)
    follow(order_id)
    assert status_of(order_id) == "CANCELLED"
    assert history_of(order_id)[-1] == (
        "CANCELLED",
        "system",
        "The last try was declined",
    )
    assert (balance_of(buyer.user_id), stock_of(product)) == (1_000, 5)
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentFailed"] * 3
    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    assert pay(buyer, order_id).json["code"] == "ORDER_NOT_PAYABLE"
    assert_books_hold(product, users=[buyer.user_id])


def test_a_declined_order_still_expires(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("refuse")
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", order_id)
    assert pay(buyer, order_id).json["code"] == "ORDER_NOT_PAYABLE"
    assert expire() == {"expired": 1, "waiting": 0}
    follow(order_id)
    assert (status_of(order_id), stock_of(product)) == ("CANCELLED", 5)
    assert types_of(order_id) == ["OrderPlaced", "OrderCancelled"]
    assert_books_hold(product, users=[buyer.user_id])


def order_of(buyer: Person, order_id: str) -> dict[str, Any]:
    path = f"/orders/{order_id}"
    order: dict[str, Any] = call("order/get_order", "GET", path, token=buyer.token).json
    return order


@pytest.mark.parametrize("store", ["up", "down"])
def test_a_failing_gateway_leaves_the_order_payable_with_the_same_key(
    gateway: RunningGateway,
    buyer: Person,
    product: str,
    store: str,
    request: pytest.FixtureRequest,
) -> None:
    if store == "down":
        request.getfixturevalue("idempotency_store_is_down")
    gateway.behave("error")
    order_id, key = a_card_order(buyer, product), a_key()
    for _ in range(2):
        refused = pay(buyer, order_id, key=key)
        assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
        assert int(refused.headers["retry-after"]) >= 1
        assert "idempotency-replayed" not in refused.headers
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("PENDING", ["FAILED", "FAILED"])
    assert {each.failure_reason for each in payments_of(order_id)} == {"GATEWAY_UNAVAILABLE"}
    assert [
        event["data"]["is_declined"]
        for event in events_of_payments(order_id)
        if event["type"] == "PaymentFailed"
    ] == [False, False]

    gateway.behave("healthy")
    answer = pay(buyer, order_id, key=key)

    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    settled(order_id, "FAILED", "FAILED", "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert len(gateway.transactions(order_id)) == 1
    assert_books_hold(product, users=[buyer.user_id])


def test_only_the_claim_of_the_answer_that_was_given_is_released(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    claim = Claim(f"{buyer.user_id} POST /payments", a_key())
    first, second = (
        PaymentView.model_validate(pay(buyer, a_card_order(buyer, product)).json) for _ in range(2)
    )
    with UnitOfWork(database()) as uow:
        idempotency.answer(uow, claim, second.model_dump_json())
        uow.commit()
    for released, left in ((first, second.model_dump_json()), (second, None)):
        in_transaction(card_requests.release, claim, released)
        with UnitOfWork(database()) as uow:
            assert idempotency.find_answer(uow, claim) == left


def test_an_unreachable_gateway_leaves_the_order_unpaid_and_payable(
    gateway: RunningGateway, buyer: Person, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_URL", "http://127.0.0.1:9")
    order_id = a_card_order(buyer, product)
    refused = pay(buyer, order_id)
    assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
    assert (status_of(order_id), statuses_of(order_id)) == ("PENDING", ["FAILED"])


# --- the card number -----------------------------------------------------------------------------


def everything_kept() -> str:
    """All rows of all tables, and all that the idempotency store holds."""
    tables = rows("SELECT table_name AS name FROM information_schema.tables"
                  " WHERE table_schema = 'public'")  # fmt: skip
    kept = [
        str(database().run([Query(f"SELECT t::text AS row FROM {table.name} t")])[0])
        for table in tables
    ]
    store = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    items = store.scan(TableName=os.environ["IDEMPOTENCY_TABLE_NAME"])["Items"]
    return "\n".join([*kept, json.dumps(items)])


@pytest.mark.parametrize("mode", ["healthy", "refuse", "error"])
def test_the_card_number_is_stored_nowhere(
    gateway: RunningGateway,
    buyer: Person,
    product: str,
    mode: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    number = "4929-1357-2468-0912"
    gateway.behave(mode)
    order_id = a_card_order(buyer, product)
    answer = pay(buyer, order_id, card_no=number)
    pay(buyer, order_id, card_no=f"{number}0")
    said = f"{json.dumps(answer.json)}\n{caplog.text}"
    assert order_id in said
    for part in ("4929-1357", "1357-2468", "2468-0912", number.replace("-", "")):
        assert part not in said
        assert part not in everything_kept()
    assert "0912" in everything_kept()


def test_a_request_fingerprint_does_not_reveal_the_card(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    """A reader of the rows who knows all but the number must not find it by trying."""
    from commerce.runtime.idempotency import fingerprint

    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    body = {"order_id": order_id, "card_type": "KB", "card_no": CARD_NO}
    guess = fingerprint({"path": "/payments", "body": body})
    kept = {row.fingerprint for row in rows("SELECT fingerprint FROM once")}
    assert guess not in kept
    assert (
        fingerprint({"path": "/payments", "body": body}, os.environ["FINGERPRINT_KEY"].encode())
        in kept
    )
