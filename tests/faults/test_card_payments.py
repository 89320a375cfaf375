"""Card payments survive their gateway: whatever it does, each charge has its order or goes back."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from commerce.payment.signature import CALLBACK_HEADERS
from commerce.shared import clock
from infra.local.ports import LOOPBACK, Ports
from tests.support.charges import assert_every_charge_has_its_order, see_through
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer
from tests.support.orders import cancel, events_of, history_of, status_of, types_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    CONSUMERS,
    a_card_order,
    consume,
    events_of_payments,
    expire,
    follow,
    pay,
    payments_of,
    receive,
    reconcile,
    settled,
    statuses_of,
    types_of_payments,
    use_up_tries,
)
from tests.support.queues import OpsTopic
from tests.support.shop import Person, a_buyer, a_key, a_product, rows, stock_of
from tests.support.threads import run_concurrently
from tests.support.valkey import forget_valkey

ANSWER_SECONDS = 10  # spec §3.3
PAID_ONCE = ["PaymentRequested", "PaymentSucceeded"]


@pytest.fixture(autouse=True)
def impatient(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop of the test's own, whose reconciler finds no payment too young."""
    monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "0")
    monkeypatch.setenv("GATEWAY_GRACE_SECONDS", "0")


@pytest.fixture
def buyer() -> Person:
    return a_buyer()


@pytest.fixture
def order(buyer: Person) -> str:
    """An order that waits for its card."""
    return a_card_order(buyer, a_product(stock=5, price=700))


@pytest.fixture
def no_callback(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks go where nobody listens."""
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", f"http://{LOOPBACK}:9/nobody")


def paid(buyer: Person, order_id: str, key: str | None = None) -> Answer:
    """Pay until the payment is accepted, as a buyer does who is told to try again."""
    deadline = time.monotonic() + 60
    while (answer := pay(buyer, order_id, key=key)).status == 503:
        assert answer.json["code"] == "PAYMENT_GATEWAY_UNAVAILABLE"
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return answer


def alerts(topic: OpsTopic) -> list[str]:
    """The codes of what operators heard since the last look."""
    return [message["alert"] for _, message in topic.received()]


def callback_of(
    gateway: RunningGateway, order_id: str, *, secret: str = "", age_seconds: int = 0, **lie: object
) -> tuple[dict[str, str], bytes]:
    """A callback about the order's one transaction, as the gateway would send it."""
    [transaction] = gateway.transactions(order_id)
    known = {"userId", "created_at", "charged_at", "refunded_at", "callbacks"}
    fields = {name: value for name, value in transaction.items() if name not in known} | lie
    body = json.dumps(fields).encode()
    signed_at = clock.now() - timedelta(seconds=age_seconds)
    return CALLBACK_HEADERS.signed(body, secret or gateway.secret, signed_at), body


def assert_confirmed_once(gateway: RunningGateway, order_id: str) -> None:
    """It was charged once, its event recorded once, and it was confirmed once."""
    assert statuses_of(order_id)[-1] == "SUCCEEDED"
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    assert Counter(types_of_payments(order_id))["PaymentSucceeded"] == 1
    assert [step for step, _, _ in history_of(order_id)] == ["PENDING", "CONFIRMED"]
    assert_every_charge_has_its_order(gateway, order_id)


def test_a_healthy_gateway_confirms_the_order_once(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    answer = pay(buyer, order)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    settled(order, "SUCCEEDED")
    follow(order)
    assert gateway.outcomes(order) == ["taken"]
    assert types_of_payments(order) == PAID_ONCE
    assert_confirmed_once(gateway, order)


def test_with_40_percent_failing_requests_no_order_is_stuck_or_paid_twice(
    gateway: RunningGateway,
) -> None:
    """No order is stuck, and nobody pays twice."""
    gateway.behave("default", seed=20)
    product = a_product(stock=100, price=700)
    buyers = [a_buyer() for _ in range(24)]
    orders = [a_card_order(each, product) for each in buyers]

    unpaid = dict(zip(orders, buyers, strict=True))
    while unpaid:  # who is declined tries another card
        answers = run_concurrently([lambda b=b, o=o: paid(b, o) for o, b in unpaid.items()])  # type: ignore[misc]
        assert {answer.status for answer in answers} == {201}
        see_through(*unpaid)
        unpaid = {each: unpaid[each] for each in unpaid if status_of(each) == "PENDING"}

    outcomes = Counter(gateway.outcomes())
    assert outcomes["failed"] > 5
    assert outcomes["taken"] == len(gateway.transactions()) >= 24
    statuses = Counter(map(status_of, orders))
    assert set(statuses) <= {"CONFIRMED", "CANCELLED"}
    assert max(len([p for p in payments_of(each) if p.is_declined]) for each in orders) <= 3
    assert stock_of(product) == 100 - statuses["CONFIRMED"]
    assert_every_charge_has_its_order(gateway, *orders)


def test_a_request_that_hung_without_a_charge_can_be_paid_again(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """The buyer is answered in time; when the gateway says that it has nothing, they pay again."""
    gateway.behave("hang", times=1)
    started = time.monotonic()
    answer = pay(buyer, order)
    assert time.monotonic() - started <= ANSWER_SECONDS
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert gateway.outcomes(order) == ["hung"]
    assert pay(buyer, order).json["code"] == "ORDER_NOT_PAYABLE"  # while nobody knows

    reconcile()

    assert statuses_of(order) == ["FAILED"]
    assert status_of(order) == "PENDING"
    assert pay(buyer, order).status == 201
    settled(order, "FAILED", "SUCCEEDED")
    follow(order)
    assert_confirmed_once(gateway, order)


def test_twenty_hanging_requests_are_each_answered_in_time(
    gateway: RunningGateway, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty wait at the same time, and each is answered in time."""
    for limit in ("MAX_UNPAID_ORDERS", "MAX_DECLINES_PER_DAY"):
        monkeypatch.setenv(limit, "20")
    product = a_product(stock=100, price=700)
    orders = [a_card_order(buyer, product) for _ in range(20)]
    gateway.behave("hang")

    def answered(order_id: str) -> tuple[int, float]:
        started = time.monotonic()
        status = pay(buyer, order_id).status
        return status, time.monotonic() - started

    answers = run_concurrently([lambda each=each: answered(each) for each in orders])  # type: ignore[misc]

    assert {status for status, _ in answers} <= {201, 503}  # 503: the breaker has opened
    assert max(seconds for _, seconds in answers) <= ANSWER_SECONDS
    gateway.behave("healthy")
    reconcile()
    assert set(map(status_of, orders)) == {"PENDING"}
    assert gateway.transactions() == []
    assert_every_charge_has_its_order(gateway, *orders)


@pytest.mark.usefixtures("no_callback")
def test_a_charge_whose_answer_timed_out_confirms_the_order(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """Nobody hears of the charge but who asks by the order."""
    gateway.behave("charge_then_hang", times=1)
    answer = pay(buyer, order)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    assert payments_of(order)[0].transaction_key is None

    see_through(order)

    assert gateway.outcomes(order) == ["taken, hung"]
    assert_confirmed_once(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_repeated_payment_after_a_time_out_is_not_charged_again(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """The same key, and another one: neither is charged again."""
    gateway.behave("charge_then_hang", times=1)
    key = a_key()
    first = pay(buyer, order, key=key)
    again = pay(buyer, order, key=key)
    assert (again.status, again.json["payment_id"]) == (201, first.json["payment_id"])
    assert pay(buyer, order).json["code"] == "ORDER_NOT_PAYABLE"
    see_through(order)
    assert len(gateway.transactions(order)) == 1
    assert_confirmed_once(gateway, order)


def test_a_callback_before_the_answer_confirms_once(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("slow", times=1, seconds=2.0)

    def result_while_it_waits() -> list[str]:
        wait_until(lambda: statuses_of(order) == ["SUCCEEDED"])
        return gateway.outcomes(order)

    answer, _ = run_concurrently([lambda: pay(buyer, order), result_while_it_waits])

    assert isinstance(answer, Answer)
    assert (answer.status, answer.json["status"]) == (201, "PENDING")
    wait_until(lambda: gateway.transactions(order)[0]["callbacks"])
    assert [each["answer"] for each in gateway.transactions(order)[0]["callbacks"]] == [200]
    follow(order)
    assert types_of_payments(order) == PAID_ONCE
    assert_confirmed_once(gateway, order)


def test_a_callback_without_an_answer_confirms_once(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("charge_then_hang", times=1)
    assert pay(buyer, order).status == 201
    settled(order, "SUCCEEDED")
    follow(order)
    assert types_of_payments(order) == PAID_ONCE
    assert_confirmed_once(gateway, order)


def test_a_lost_callback_is_replaced_by_the_reconciler(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("lose_callback", times=1)
    assert pay(buyer, order).status == 201
    see_through(order)
    assert gateway.transactions(order)[0]["callbacks"] == []
    assert_confirmed_once(gateway, order)


def test_two_simultaneous_callbacks_confirm_once(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("double_callback", times=1)
    assert pay(buyer, order).status == 201
    wait_until(lambda: len(gateway.transactions(order)[0]["callbacks"]) == 2)
    assert {each["answer"] for each in gateway.transactions(order)[0]["callbacks"]} == {200}
    follow(order)
    assert types_of_payments(order) == PAID_ONCE
    assert_confirmed_once(gateway, order)


def test_a_replayed_callback_changes_nothing(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    pay(buyer, order)
    settled(order, "SUCCEEDED")
    follow(order)
    for _ in range(3):
        assert receive(*callback_of(gateway, order)).status == 200
    follow(order)
    assert types_of_payments(order) == PAID_ONCE
    assert_confirmed_once(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_callback_after_the_orders_expiry_time_confirms_if_paid_in_time(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """Paid in time: the order waits until the gateway was asked, and then it is confirmed."""
    gateway.behave("lose_callback", times=1)
    pay(buyer, order)
    _let_it_expire(order)
    assert expire() == {"expired": 0, "waiting": 1}
    assert status_of(order) == "PENDING"

    see_through(order)

    assert expire() == {"expired": 0, "waiting": 0}
    assert receive(*callback_of(gateway, order)).status == 200
    assert_confirmed_once(gateway, order)


def test_an_order_with_an_unknown_payment_expires_after_a_gateway_query(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("hang", times=1)
    pay(buyer, order)
    _let_it_expire(order)
    assert expire() == {"expired": 0, "waiting": 1}
    reconcile()  # it has nothing
    assert expire() == {"expired": 1, "waiting": 0}
    assert status_of(order) == "CANCELLED"
    assert_every_charge_has_its_order(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_late_success_of_a_cancelled_order_is_refunded_and_alerted(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, order: str
) -> None:
    gateway.behave("lose_callback", times=1)
    pay(buyer, order)
    cancelled = cancel(buyer, order)
    assert (cancelled.status, status_of(order)) == (200, "CANCELLED")

    see_through(order)

    assert statuses_of(order) == ["REFUNDED"]
    assert gateway.transactions(order)[0]["refunded_at"]
    assert alerts(topic) == ["CHARGED_IN_VAIN"]
    assert_every_charge_has_its_order(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_payment_whose_alert_fails_stops_no_other(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The alert topic is gone: its alert waits, the settlement of other payments does not."""
    gateway.behave("lose_callback")
    product = a_product(stock=5, price=700)
    in_vain, ordinary = (a_card_order(buyer, product) for _ in range(2))
    for each in (in_vain, ordinary):
        assert pay(buyer, each).status == 201
    wait_until(lambda: all(each["charged_at"] for each in gateway.transactions()))
    assert cancel(buyer, in_vain).status == 200
    reconcile()
    monkeypatch.setenv("OPS_TOPIC_ARN", f"{topic.arn}-gone")
    assert not consume_all(in_vain)  # its money goes back, and nobody can be told
    later = a_card_order(buyer, product)
    assert pay(buyer, later).status == 201
    wait_until(lambda: gateway.transactions(later)[0]["charged_at"])

    assert reconcile()["failed"] == 1

    assert statuses_of(in_vain) == ["REFUND_PENDING"]
    assert statuses_of(later) == ["SUCCEEDED"]
    monkeypatch.setenv("OPS_TOPIC_ARN", topic.arn)
    see_through(in_vain, ordinary, later)
    assert alerts(topic) == ["CHARGED_IN_VAIN"]
    assert_every_charge_has_its_order(gateway, in_vain, ordinary, later)


@pytest.mark.usefixtures("no_callback")
@pytest.mark.parametrize("mode", ["error", "hang"])
def test_a_failed_refund_is_retried_until_it_succeeds(
    gateway: RunningGateway, buyer: Person, order: str, mode: str
) -> None:
    pay(buyer, order)
    see_through(order)
    gateway.behave(mode, on="refunds")  # type: ignore[arg-type]
    assert cancel(buyer, order).status == 200
    follow(order)
    reconcile()
    assert statuses_of(order) == ["REFUND_PENDING"]
    assert gateway.transactions(order)[0]["refunded_at"] is None
    gateway.behave("healthy")
    see_through(order)
    assert statuses_of(order) == ["REFUNDED"]
    assert_every_charge_has_its_order(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_forged_callback_is_refused_and_settles_nothing(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    pay(buyer, order)
    wait_until(lambda: gateway.transactions(order)[0]["status"] == "FAILED")
    headers, body = callback_of(gateway, order, secret="guessed", status="SUCCESS")
    fair_headers, _ = callback_of(gateway, order)
    old_headers, old_body = callback_of(gateway, order, age_seconds=301)

    for forged in ((headers, body), (fair_headers, body), (old_headers, old_body), ({}, body)):
        answer = receive(*forged)
        assert (answer.status, answer.json["code"]) == (401, "BAD_SIGNATURE")

    assert statuses_of(order) == ["PENDING"]
    assert status_of(order) == "PENDING"
    reconcile()
    follow(order)
    assert (statuses_of(order), status_of(order)) == (["FAILED"], "PENDING")
    assert_every_charge_has_its_order(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_false_result_in_a_signed_callback_is_ignored(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """The gateway's own record decides."""
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    pay(buyer, order)
    wait_until(lambda: gateway.transactions(order)[0]["status"] == "FAILED")
    assert receive(*callback_of(gateway, order, status="SUCCESS", reason=None)).status == 200
    assert statuses_of(order) == ["FAILED"]
    follow(order)
    assert status_of(order) == "PENDING"
    assert_every_charge_has_its_order(gateway, order)


def test_a_callback_with_another_amount_settles_nothing(
    gateway: RunningGateway, topic: OpsTopic, buyer: Person, order: str
) -> None:
    """Nothing is settled by it, operators hear of it, and the gateway's record settles it."""
    gateway.behave("wrong_amount", times=1)
    pay(buyer, order)
    wait_until(lambda: gateway.transactions(order)[0]["callbacks"])
    [callback] = gateway.transactions(order)[0]["callbacks"]
    assert (callback["amount"], callback["answer"]) == (701, 409)
    assert statuses_of(order) == ["PENDING"]
    assert alerts(topic) == ["PAYMENT_AMOUNT_DIFFERS"]
    see_through(order)
    assert_confirmed_once(gateway, order)


def test_a_callback_about_an_unknown_transaction_is_not_found(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    pay(buyer, order)
    settled(order, "SUCCEEDED")
    follow(order)
    answer = receive(*callback_of(gateway, order, transactionKey="TR-unknown"))
    assert answer.status == 404
    assert_confirmed_once(gateway, order)


def test_an_order_is_paid_by_the_card_after_refused_ones(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("refuse", times=2)
    for _ in range(3):
        assert pay(buyer, order).status == 201
    settled(order, "FAILED", "FAILED", "SUCCEEDED")
    see_through(order)
    assert status_of(order) == "CONFIRMED"
    assert gateway.outcomes(order) == ["refused", "refused", "taken"]
    assert_every_charge_has_its_order(gateway, order)


def test_three_refused_cards_cancel_the_order(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    use_up_tries(gateway, buyer, order)
    see_through(order)
    assert (statuses_of(order), status_of(order)) == (["FAILED"] * 3, "CANCELLED")
    assert gateway.outcomes(order) == ["refused"] * 3
    assert_every_charge_has_its_order(gateway, order)


@pytest.mark.usefixtures("no_callback")
def test_a_declined_order_that_may_have_been_charged_does_not_expire(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("refuse", times=1)
    assert pay(buyer, order).json["status"] == "FAILED"
    gateway.behave("charge_then_hang", times=1)
    assert pay(buyer, order).json["status"] == "PENDING"
    rows("UPDATE orders SET expires_at = now() WHERE id = $1", order)
    assert expire() == {"expired": 0, "waiting": 1}  # it may have been charged: ask first
    see_through(order)
    assert (statuses_of(order), status_of(order)) == (["FAILED", "SUCCEEDED"], "CONFIRMED")
    assert_every_charge_has_its_order(gateway, order)


def test_the_breaker_stops_a_failing_gateways_calls_until_it_recovers(
    gateway: RunningGateway,
    topic: OpsTopic,
    buyer: Person,
    order: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The breaker opens, calls stop reaching the gateway; it is tried, found well, and closes."""
    monkeypatch.setenv("BREAKER_OPEN_SECONDS", "3")
    gateway.behave("error")
    calls, reached = 0, True
    while reached:
        refused = pay(buyer, order)
        assert (refused.status, refused.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
        reached = len(gateway.outcomes()) > calls
        calls = len(gateway.outcomes())
    assert calls == 12  # four payments of three calls each: ten and more have failed
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert status_of(order) == "PENDING"
    gateway.behave("healthy")

    assert paid(buyer, order).status == 201  # as soon as it is half-open
    other = a_card_order(buyer, a_product(stock=1, price=100))
    assert paid(buyer, other).status == 201
    see_through(order, other)

    assert gateway.outcomes()[calls:] == ["taken"] * 2
    assert alerts(topic) == ["PAYMENT_BREAKER_CHANGED"] * 3  # open, half-open, closed
    assert_confirmed_once(gateway, order)


def test_an_order_whose_gateway_is_unreachable_expires(
    gateway: RunningGateway, buyer: Person, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_URL", f"http://{LOOPBACK}:{Ports.free().gateway}")
    answer = pay(buyer, order)
    assert (answer.status, answer.json["code"]) == (503, "PAYMENT_GATEWAY_UNAVAILABLE")
    _let_it_expire(order)
    assert expire() == {"expired": 1, "waiting": 0}
    assert status_of(order) == "CANCELLED"
    assert_every_charge_has_its_order(gateway, order)


def test_the_same_key_pays_once_the_gateway_is_back(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    gateway.behave("error")
    key = a_key()
    assert pay(buyer, order, key=key).status == 503
    gateway.behave("healthy")
    assert pay(buyer, order, key=key).status == 201
    settled(order, "FAILED", "SUCCEEDED")
    follow(order)
    assert_confirmed_once(gateway, order)


@pytest.fixture
def valkey_is_down(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody listens where Valkey should be."""
    monkeypatch.setenv("VALKEY_URL", f"redis://{LOOPBACK}:{Ports.free().valkey}/0")
    forget_valkey()
    yield
    monkeypatch.undo()
    forget_valkey()


@pytest.mark.usefixtures("valkey_is_down")
def test_a_payment_succeeds_while_valkey_is_down(
    gateway: RunningGateway, buyer: Person, order: str
) -> None:
    """The breaker stays closed: every payment reaches the gateway, and goes on."""
    gateway.behave("error")
    for _ in range(6):
        assert pay(buyer, order).status == 503
    assert len(gateway.outcomes(order)) == 18
    gateway.behave("healthy")
    assert pay(buyer, order).status == 201
    wait_until(lambda: statuses_of(order)[-1] == "SUCCEEDED")
    follow(order)
    assert_confirmed_once(gateway, order)


def consume_all(order_id: str) -> bool:
    """Hand each of the order's and its payments' events to its consumer once; whether all went."""
    events = [*events_of_payments(order_id), *map(dict, events_of(order_id))]
    consumed = [each for each in events if each["type"] in CONSUMERS]
    return {consume(CONSUMERS[each["type"]], each) for each in consumed} == {True}


def _let_it_expire(order_id: str) -> None:
    sql = "UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = $1 RETURNING id"
    assert rows(sql, order_id)
