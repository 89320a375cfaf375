"""The results of payments: callbacks, an admin's sync, the reconciler, refunds, expiry."""

import json
import time
from threading import Thread
from typing import Any

import pytest

from commerce.app import ordering
from commerce.app.checkout import expiry
from commerce.app.shop import Shop
from commerce.order import OrderView
from commerce.payment import MAX_DECLINES
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.current import database
from commerce.shared import clock
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import call, function, lambda_context
from tests.support.orders import cancel, events_of, history_of, status_of, types_of
from tests.support.other_connection import held_by_another, wait_until
from tests.support.payments import (
    a_callback,
    a_card_order,
    consume,
    expire,
    failing_after,
    follow,
    pay,
    payments_of,
    receive,
    reconcile,
    settled,
    statuses_of,
    sync,
    types_of_payments,
    use_up_tries,
)
from tests.support.queues import OpsTopic
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    an_admin,
    assert_books_hold,
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


def charged(gateway: RunningGateway, order_id: str) -> dict[str, Any]:
    """The order's one transaction, as soon as it is charged."""
    wait_until(lambda: [t for t in gateway.transactions(order_id) if t["status"] == "SUCCESS"])
    [transaction] = gateway.transactions(order_id)
    return transaction


def a_payment_without_a_callback(gateway: RunningGateway, buyer: Person, product: str) -> str:
    gateway.behave("lose_callback")
    order_id = a_card_order(buyer, product)
    assert pay(buyer, order_id).status == 201
    charged(gateway, order_id)
    return order_id


# --- callbacks -----------------------------------------------------------------------------------


def test_a_repeated_callback_settles_once(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    transaction = charged(gateway, order_id)
    answers = [a_callback(gateway, transaction) for _ in range(3)]
    assert [each.status for each in answers] == [200] * 3
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    follow(order_id)
    assert a_callback(gateway, transaction).status == 200
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]


def test_a_forged_callback_is_refused(gateway: RunningGateway, buyer: Person, product: str) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    transaction = charged(gateway, order_id)
    body = json.dumps(transaction).encode()
    now = str(int(clock.now().timestamp()))
    for headers in (
        {},
        {"X-Gateway-Timestamp": now},
        {"X-Gateway-Timestamp": now, "X-Gateway-Signature": "0" * 64},
    ):
        refused = receive(headers, body)
        assert (refused.status, refused.json["code"]) == (401, "BAD_SIGNATURE")
    assert statuses_of(order_id) == ["PENDING"]


def test_a_callbacks_signature_covers_its_exact_bytes(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsigned body is refused before it is parsed."""
    assert receive({}, b"{").json["code"] == "BAD_SIGNATURE"


def test_an_unknown_transaction_is_not_found(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product)
    fields = {"transactionKey": "TX-0", "orderId": order_id, "amount": 500, "status": "SUCCESS"}
    refused = a_callback(gateway, fields)
    assert (refused.status, refused.json["code"]) == (404, "PAYMENT_NOT_FOUND")
    assert status_of(order_id) == "PENDING"


def test_a_callback_without_its_fields_is_refused(gateway: RunningGateway) -> None:
    refused = a_callback(gateway, {"transactionKey": "TX-0"})
    assert (refused.status, refused.json["code"]) == (422, "VALIDATION_FAILED")


def test_another_amount_settles_nothing_and_alerts_the_operators(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    transaction = charged(gateway, order_id)

    answers = [a_callback(gateway, transaction, amount=501) for _ in range(2)]

    assert [(each.status, each.json["code"]) for each in answers] == [(409, "AMOUNT_DIFFERS")] * 2
    assert statuses_of(order_id) == ["PENDING"]
    [(subject, message)] = topic.received()
    assert subject.startswith("PAYMENT_AMOUNT_DIFFERS")
    assert (message["told_amount"], message["amount"]) == ("501", "500 KRW")
    assert message["order_id"] == order_id

    assert reconcile()["ended"] == 1  # the gateway's own record is right
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert_books_hold(product, users=[buyer.user_id])


def test_a_callback_may_arrive_before_the_answer(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("slow", seconds=1.5)
    order_id = a_card_order(buyer, product)
    answers: list[Any] = []

    def pay_elsewhere() -> None:
        answers.append(pay(buyer, order_id))
        database().close()

    paying = Thread(target=pay_elsewhere)
    paying.start()
    settled(order_id, "SUCCEEDED")
    assert not answers
    paying.join()
    assert (answers[0].status, answers[0].json["status"]) == (201, "PENDING")
    follow(order_id)
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    assert status_of(order_id) == "CONFIRMED"


def test_a_payment_settled_before_its_failed_answer_is_no_other_payments(
    gateway: RunningGateway, buyer: Person, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = a_card_order(buyer, product)
    with failing_after(gateway, lambda: settled(order_id, "SUCCEEDED")) as url:
        monkeypatch.setenv("GATEWAY_URL", url)
        answer = pay(buyer, order_id)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert statuses_of(order_id) == ["SUCCEEDED"]
    assert len(gateway.transactions(order_id)) == 1


# --- asking --------------------------------------------------------------------------------------


def test_an_admins_sync_settles_by_the_gateways_record(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    [payment] = payments_of(order_id)
    answers = [sync(an_admin(), str(payment.id)) for _ in range(2)]
    assert [(each.status, each.json["status"]) for each in answers] == [(200, "SUCCEEDED")] * 2
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    assert sync(buyer, str(payment.id)).status == 403
    missing = sync(an_admin(), "0198c0de-0000-7000-8000-00000000000c")
    assert (missing.status, missing.json["code"]) == (404, "PAYMENT_NOT_FOUND")


def test_a_sync_without_a_gateway_says_so(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    gateway.behave("error", on="queries")
    refused = sync(an_admin(), str(payments_of(order_id)[0].id))
    assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
    assert statuses_of(order_id) == ["PENDING"]


def test_the_reconciler_settles_a_payment_without_a_callback(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    assert reconcile() == {"asked": 1, "ended": 1, "failed": 0, "unknown": 0}
    assert reconcile()["asked"] == 0
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"


def test_the_reconciler_skips_recent_payments(
    gateway: RunningGateway, buyer: Person, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PAYMENT_RECONCILE_AFTER_SECONDS")
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    assert reconcile()["asked"] == 0
    rows("UPDATE payment SET asked_at = now() - interval '61 seconds' WHERE order_id = $1",
         order_id)  # fmt: skip
    assert reconcile()["ended"] == 1


def waits_since(order_id: str, seconds: int) -> str:
    sql = f"UPDATE payment SET asked_at = now() - interval '{seconds} seconds' WHERE order_id = $1"
    rows(sql, order_id)
    return order_id


def test_a_failing_payment_does_not_stop_the_reconciler(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    first, second = (a_payment_without_a_callback(gateway, buyer, product) for _ in range(2))
    gateway.behave("error", on="queries", times=3)  # all tries of the first question
    assert reconcile() == {"asked": 2, "ended": 1, "failed": 1, "unknown": 0}
    assert (statuses_of(first), statuses_of(second)) == (["PENDING"], ["SUCCEEDED"])


def test_the_reconciler_checks_the_longest_unchecked_first(
    gateway: RunningGateway, buyer: Person, product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, young = (a_payment_without_a_callback(gateway, buyer, product) for _ in range(2))
    waits_since(old, 90)
    waits_since(young, 30)
    monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "60")
    gateway.behave("error", on="queries")
    assert reconcile()["failed"] == 1  # now it is the young one's turn
    monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "0")
    gateway.behave("healthy")
    gateway.behave("error", on="queries", times=3)
    assert reconcile() == {"asked": 2, "ended": 1, "failed": 1, "unknown": 0}
    assert (statuses_of(old), statuses_of(young)) == (["SUCCEEDED"], ["PENDING"])


def test_payments_waiting_for_five_minutes_are_counted(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    gateway.behave("error", on="queries")
    rows("UPDATE payment SET changed_at = now() - interval '301 seconds' WHERE order_id = $1",
         order_id)  # fmt: skip
    assert reconcile()["unknown"] == 1


# --- requests without an answer ------------------------------------------------------------------


def test_a_charge_without_an_answer_is_found_by_its_order(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("charge_then_hang")
    order_id = a_card_order(buyer, product)
    started = time.monotonic()
    answer = pay(buyer, order_id)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert time.monotonic() - started < 10
    reconcile()
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("CONFIRMED", ["SUCCEEDED"])
    assert types_of_payments(order_id) == ["PaymentRequested", "PaymentSucceeded"]
    assert_books_hold(product, users=[buyer.user_id])


def test_an_unarrived_request_leaves_the_order_payable_after_a_grace(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("hang")
    order_id = a_card_order(buyer, product)
    assert pay(buyer, order_id).json["status"] == "PENDING"
    gateway.behave("healthy")
    assert reconcile() == {"asked": 1, "ended": 0, "failed": 0, "unknown": 0}
    assert pay(buyer, order_id).json["code"] == "ORDER_NOT_PAYABLE"  # it may still be taken
    rows("UPDATE payment SET requested_at = now() - interval '121 seconds' WHERE order_id = $1",
         order_id)  # fmt: skip
    assert reconcile()["ended"] == 1
    assert statuses_of(order_id) == ["FAILED"]
    follow(order_id)
    assert status_of(order_id) == "PENDING"

    assert pay(buyer, order_id).status == 201
    settled(order_id, "FAILED", "SUCCEEDED")
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert_books_hold(product, users=[buyer.user_id])


def test_a_second_charge_of_an_order_is_refunded(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    extra = pay_behind_our_back(gateway, buyer, order_id)
    reconcile()
    follow(order_id)
    assert a_callback(gateway, extra).status == 200
    assert statuses_of(order_id) == ["SUCCEEDED", "REFUNDED"]
    assert status_of(order_id) == "CONFIRMED"
    assert [bool(each["refunded_at"]) for each in gateway.transactions(order_id)] == [False, True]
    [(subject, message)] = topic.received()
    assert subject.startswith("CHARGED_IN_VAIN")
    assert message["transaction_key"] == extra["transactionKey"]
    assert_books_hold(product, users=[buyer.user_id])


def test_an_abandoned_charge_that_turns_up_pays_the_order(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("error")
    order_id = a_card_order(buyer, product)
    assert pay(buyer, order_id).status == 503
    late = pay_behind_our_back(gateway, buyer, order_id)
    assert a_callback(gateway, late).status == 200
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("CONFIRMED", ["FAILED", "SUCCEEDED"])
    assert_books_hold(product, users=[buyer.user_id])


def test_a_late_charge_pays_an_order_whose_card_was_declined(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("refuse")
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    late = pay_behind_our_back(gateway, buyer, order_id)
    assert a_callback(gateway, late).status == 200
    follow(order_id)
    assert (status_of(order_id), statuses_of(order_id)) == ("CONFIRMED", ["FAILED", "SUCCEEDED"])
    assert pay(buyer, order_id).json["code"] == "ORDER_NOT_PAYABLE"
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.parametrize("when", ["before the order ends", "after it"])
def test_a_charge_after_the_last_decline_is_refunded_and_alerted(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str, when: str
) -> None:
    order_id = a_card_order(buyer, product)
    use_up_tries(gateway, buyer, order_id)
    if when == "after it":
        follow(order_id)
    late = pay_behind_our_back(gateway, buyer, order_id)
    assert a_callback(gateway, late).status == 200
    follow(order_id)
    assert status_of(order_id) == "CANCELLED"
    assert statuses_of(order_id) == ["FAILED"] * 3 + ["REFUNDED"]
    assert [bool(each["refunded_at"]) for each in gateway.transactions(order_id)] == [True]
    assert [message["alert"] for _, message in topic.received()] == ["CHARGED_IN_VAIN"]
    assert stock_of(product) == 5
    assert_books_hold(product, users=[buyer.user_id])


def test_of_two_unknown_transactions_the_charge_answers_the_last_try(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product)
    gateway.behave("refuse")
    for _ in range(MAX_DECLINES - 1):
        assert pay(buyer, order_id).json["status"] == "FAILED"
    gateway.behave("hang")
    assert pay(buyer, order_id).json["status"] == "PENDING"
    pay_behind_our_back(gateway, buyer, order_id, result="LIMIT_EXCEEDED")
    pay_behind_our_back(gateway, buyer, order_id)
    reconcile()  # each gets a payment
    reconcile()  # the second payment is settled, too
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert statuses_of(order_id) == ["FAILED"] * 2 + ["SUCCEEDED", "FAILED"]
    assert [each["refunded_at"] for each in gateway.transactions(order_id)] == [None, None]
    assert_books_hold(product, users=[buyer.user_id])


def pay_behind_our_back(
    gateway: RunningGateway, buyer: Person, order_id: str, result: str = "SUCCESS"
) -> dict[str, Any]:
    """The gateway takes a request for the order that we know nothing of, with this result."""
    import urllib3

    gateway.behave("lose_callback", result=result)
    before = {each["transactionKey"] for each in gateway.transactions(order_id)}
    body = {
        "orderId": order_id,
        "cardType": "KB",
        "cardNo": "4111-2222-3333-9876",
        "amount": 500,
        "callbackUrl": "http://127.0.0.1:9/",
    }
    urllib3.request(
        "POST",
        f"{gateway.url}/api/v1/payments",
        json=body,
        headers={"X-USER-ID": str(buyer.user_id)},
    )
    [extra] = [t for t in gateway.transactions(order_id) if t["transactionKey"] not in before]
    wait_until(lambda: all(each["status"] != "PENDING" for each in gateway.transactions(order_id)))
    found = next(
        each
        for each in gateway.transactions(order_id)
        if each["transactionKey"] == extra["transactionKey"]
    )
    gateway.behave("healthy")
    return found


# --- orders that are called off ------------------------------------------------------------------


def test_a_cancelled_orders_payment_is_refunded_once(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product, points=100)
    pay(buyer, order_id)
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    assert cancel(buyer, order_id).status == 200
    follow(order_id)
    assert statuses_of(order_id) == ["REFUNDED"]
    follow(order_id)
    assert types_of_payments(order_id) == [
        "PaymentRequested",
        "PaymentSucceeded",
        "PaymentRefunded",
    ]
    [transaction] = gateway.transactions(order_id)
    assert transaction["refunded_at"]
    assert topic.received() == []  # nothing is wrong with that
    assert_books_hold(product, users=[buyer.user_id])


def test_a_refund_that_the_gateway_refuses_is_retried(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    settled(order_id, "SUCCEEDED")
    follow(order_id)
    cancel(buyer, order_id)
    gateway.behave("error", on="refunds")
    follow(order_id)
    assert statuses_of(order_id) == ["REFUND_PENDING"]
    gateway.behave("healthy")
    assert reconcile()["ended"] == 1
    assert statuses_of(order_id) == ["REFUNDED"]


@pytest.mark.parametrize("way", ["expired", "cancelled"])
def test_money_that_comes_too_late_is_refunded_and_alerted(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str, way: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    transaction = charged(gateway, order_id)
    if way == "cancelled":
        assert cancel(buyer, order_id).status == 200
    else:
        # Nobody of ours would let it expire: a row of an older time, or a hand in the database.
        rows("UPDATE payment SET status = 'FAILED' WHERE order_id = $1", order_id)
        rows("UPDATE orders SET expires_at = now() WHERE id = $1", order_id)
        assert expire() == {"expired": 1, "waiting": 0}
        rows("UPDATE payment SET status = 'PENDING' WHERE order_id = $1", order_id)
    assert status_of(order_id) == "CANCELLED"
    follow(order_id)

    assert a_callback(gateway, transaction).status == 200
    follow(order_id)
    follow(order_id)

    assert (status_of(order_id), statuses_of(order_id)) == ("CANCELLED", ["REFUNDED"])
    assert stock_of(product) == 5
    [(subject, message)] = topic.received()
    assert subject.startswith("CHARGED_IN_VAIN")
    assert (message["order_id"], message["amount"]) == (order_id, "500 KRW")
    assert gateway.transactions(order_id)[0]["refunded_at"]
    assert_books_hold(product, users=[buyer.user_id])


def test_a_result_that_was_consumed_is_not_consumed_again(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    paid, declined = a_card_order(buyer, product), a_card_order(buyer, product)
    pay(buyer, paid)
    settled(paid, "SUCCEEDED")
    use_up_tries(gateway, buyer, declined)
    for order_id in (paid, declined):
        follow(order_id)
    assert (status_of(paid), status_of(declined)) == ("CONFIRMED", "CANCELLED")
    rows("UPDATE orders SET status = 'PENDING'")  # as if no order's status stopped it
    for order_id in (paid, declined):
        follow(order_id)
    assert (status_of(paid), status_of(declined)) == ("PENDING", "PENDING")


def test_a_charge_of_an_unconfirmed_order_is_not_refunded_as_a_paid_ones(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, product: str
) -> None:
    order_id = a_payment_without_a_callback(gateway, buyer, product)
    assert a_callback(gateway, charged(gateway, order_id)).status == 200
    assert cancel(buyer, order_id).status == 200
    cancelled = dict(events_of(order_id)[-1])
    assert consume("payment/on_paid_order_cancelled", cancelled)
    assert statuses_of(order_id) == ["SUCCEEDED"]
    follow(order_id)  # the payment's result comes after the cancellation
    assert statuses_of(order_id) == ["REFUNDED"]
    [(subject, _)] = topic.received()
    assert subject.startswith("CHARGED_IN_VAIN")


# --- expiry --------------------------------------------------------------------------------------


def overdue(order_id: str) -> str:
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", order_id)
    return order_id


def test_an_unpaid_order_expires_and_returns_everything(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = overdue(a_card_order(buyer, product, points=100))
    young = a_card_order(buyer, product)
    assert expire() == {"expired": 1, "waiting": 0}
    assert expire() == {"expired": 0, "waiting": 0}
    assert history_of(order_id)[-1] == ("CANCELLED", "system", "Not paid in time")
    assert (status_of(young), stock_of(product)) == ("PENDING", 4)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_possibly_charged_order_expires_only_after_a_gateway_query(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    order_id = overdue(a_payment_without_a_callback(gateway, buyer, product))
    unpaid = overdue(a_card_order(buyer, product))
    assert expire() == {"expired": 1, "waiting": 1}
    assert (status_of(order_id), status_of(unpaid)) == ("PENDING", "CANCELLED")
    reconcile()
    assert expire() == {"expired": 0, "waiting": 1}  # it is paid, and not yet confirmed
    follow(order_id)
    assert status_of(order_id) == "CONFIRMED"
    assert expire() == {"expired": 0, "waiting": 0}


def test_an_order_whose_payment_never_arrived_expires_after_the_grace(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    gateway.behave("hang")
    order_id = a_card_order(buyer, product)
    pay(buyer, order_id)
    overdue(order_id)
    gateway.behave("healthy")
    assert expire() == {"expired": 0, "waiting": 1}
    rows("UPDATE payment SET requested_at = now() - interval '121 seconds' WHERE order_id = $1",
         order_id)  # fmt: skip
    reconcile()
    assert expire() == {"expired": 1, "waiting": 0}


def test_a_locked_order_is_left_for_the_next_expiry_run(
    gateway: RunningGateway, own_database_url: str, buyer: Person, product: str
) -> None:
    held, free = (overdue(a_card_order(buyer, product)) for _ in range(2))
    with held_by_another(own_database_url, "SELECT 1 FROM orders WHERE id = $1 FOR UPDATE", held):
        assert expire() == {"expired": 1, "waiting": 0}
        assert (status_of(held), status_of(free)) == ("PENDING", "CANCELLED")
    assert expire() == {"expired": 1, "waiting": 0}


def test_an_order_that_fails_to_expire_does_not_stop_the_others(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    broken, sound = (overdue(a_card_order(buyer, product)) for _ in range(2))
    # Its coupon is unknown, so it cannot be given back.
    rows(
        "UPDATE orders SET issued_coupon_id = gen_random_uuid(), discount_amount = 1 WHERE id = $1",
        broken,
    )
    done = function("order/every_minute_expire")({}, lambda_context(60))
    assert done == {"expired": 1, "waiting": 0, "failed": 1}
    assert (status_of(broken), status_of(sound)) == ("PENDING", "CANCELLED")


@pytest.mark.parametrize(
    ("error", "failed"), [(ValueError("a fault of its data"), 1), (Contention("a lost race"), 0)]
)
def test_expiry_repeats_an_order_that_lost_a_race_and_leaves_one_that_fails(
    gateway: RunningGateway,
    buyer: Person,
    product: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    failed: int,
) -> None:
    first, second = (overdue(a_card_order(buyer, product)) for _ in range(2))
    errors = [error]

    def expire_or_fail(shop: Shop, order_id: str) -> OrderView:
        if order_id == first and errors:
            raise errors.pop()
        return ordering.expire_order(shop, order_id)

    monkeypatch.setattr(expiry, "expire_order", expire_or_fail)
    done = function("order/every_minute_expire")({}, lambda_context(60))
    assert done == {"expired": 2 - failed, "waiting": 0, "failed": failed}
    assert (status_of(first), status_of(second)) == (
        "PENDING" if failed else "CANCELLED",
        "CANCELLED",
    )


# --- looking -------------------------------------------------------------------------------------


def test_a_payment_is_shown_to_its_buyer_only(
    gateway: RunningGateway, buyer: Person, product: str
) -> None:
    made = pay(buyer, a_card_order(buyer, product)).json
    settled(made["order_id"], "SUCCEEDED")

    def look(token: str, payment_id: str = made["payment_id"]) -> Any:
        return call("payment/get_payment", "GET", f"/payments/{payment_id}", token=token)

    assert look(buyer.token).json == {**made, "status": "SUCCEEDED"}
    assert look(a_buyer().token).json["code"] == "NOT_YOUR_PAYMENT"
    for unknown in ("0198c0de-0000-7000-8000-00000000000c", "nonsense"):
        answer = look(buyer.token, unknown)
        assert (answer.status, answer.json["code"]) == (404, "PAYMENT_NOT_FOUND")
