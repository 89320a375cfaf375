"""Connections that vanish without a word: found dead within a second, one effect, a timely answer.

`print` shows the seconds to an answer; no test fails for being slow, but for an answer that comes
after its invocation's time-out.
"""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread, current_thread, main_thread
from typing import Any, TypeAlias, TypeVar

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.app.checkout import ANSWER_SECONDS
from commerce.runtime import aws, settings
from commerce.runtime.cache import valkey
from commerce.runtime.db import pipeline
from commerce.runtime.db.connection import IDLE_SECONDS, Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import PROBE_SECONDS, Query, Row
from tests.support import lambda_calls
from tests.support.black_hole import LOOPBACK, BlackHole, black_hole, unanswered_port
from tests.support.gateway import RunningGateway
from tests.support.lambda_calls import Answer, call, counting_down
from tests.support.orders import a_pending_order, an_order, cancel, place, status_of
from tests.support.other_connection import wait_until
from tests.support.payments import (
    CONSUMERS,
    a_card_order,
    consume,
    events_of_payments,
    expire,
    pay,
    reconcile,
    settled,
    statuses_of,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    likes_of,
    rows,
    stock_of,
)

T = TypeVar("T")
Contexts: TypeAlias = list[LambdaContext]
BUSY_SECONDS = 2  # what a busy machine may add to an answer; without a deadline it takes 17 s
READY_BYTES = 6  # of the answer to a probe

BOTH = pytest.param({"requests": True}, id="both ways")
ANSWERS = pytest.param({"requests": False}, id="answers")
LATE_ANSWERS = pytest.param({"requests": False, "answer_bytes": READY_BYTES}, id="last answer")
IDLE = pytest.mark.parametrize("idle_seconds", [0, IDLE_SECONDS + 1], ids=["warm", "idle"])


@pytest.fixture
def contexts(monkeypatch: pytest.MonkeyPatch) -> Contexts:
    """The contexts of the functions that the test calls; their time runs out."""
    made: Contexts = []

    def make(timeout_seconds: float = 10) -> LambdaContext:
        context = counting_down(timeout_seconds)
        if current_thread() is main_thread():  # else it is a callback of the gateway
            made.append(context)
        return context

    monkeypatch.setattr(lambda_calls, "lambda_context", make)
    monkeypatch.setattr("tests.support.payments.lambda_context", make)
    return made


@pytest.fixture
def hole(
    shop_environment: None, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BlackHole]:
    """A proxy before the database, behind which the real time-outs apply."""
    monkeypatch.setattr(pipeline, "PROBE_SECONDS", PROBE_SECONDS)
    with black_hole(settings.database_url()) as found:
        monkeypatch.setenv("DATABASE_URL", found.url)
        database().close()
        yield found
        database().close()


def timed(act: Callable[[], T], contexts: Contexts) -> tuple[T, float]:
    """Act; return the result and the seconds of the last invocation that were left."""
    started = time.monotonic()
    result = act()
    left = contexts[-1].get_remaining_time_in_millis() / 1000
    print(f"{time.monotonic() - started:.2f} s, {left:.2f} s left")  # noqa: T201
    return result, left


@contextmanager
def lost_at(hole: BlackHole, word: str, **ways: Any) -> Iterator[list[str]]:
    """Once, the connection vanishes as a statement with the word is sent."""
    run, lost = Database.run, list[str]()

    def run_and_lose(
        self: Database, queries: Sequence[Query], *, in_transaction: bool = False
    ) -> list[list[Row]]:
        if not lost and any(word in each.sql for each in queries):
            lost.append(word)
            hole.swallow(**ways)
        return run(self, queries, in_transaction=in_transaction)

    Database.run = run_and_lose  # type: ignore[method-assign]
    try:
        yield lost
    finally:
        Database.run = run  # type: ignore[method-assign]


def vanish(hole: BlackHole, idle_seconds: float, **ways: Any) -> None:
    """The warm connection vanishes, after it was idle for so long."""
    assert database().is_open
    database()._used_at -= idle_seconds
    hole.swallow(**ways)


def assert_ordered_once(buyer: Person, product: str, answer: Answer) -> None:
    assert answer.status == 201, answer.json
    found = rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id)
    assert [str(row.id) for row in found] == [answer.json["order_id"]]
    assert (stock_of(product), balance_of(buyer.user_id)) == (4, 900)
    assert_books_hold(product, users=[buyer.user_id])


def paid_in_the_end(buyer: Person, order_id: str) -> None:
    """Wait until the order is paid, also where a callback got lost or a try was given up."""

    def is_paid() -> bool:
        reconcile()
        if set(statuses_of(order_id)) == {"FAILED"}:
            pay(buyer, order_id)
        return "SUCCEEDED" in statuses_of(order_id)

    wait_until(is_paid, timeout_seconds=30)


# --- a warm connection that vanished before the request ------------------------------------------


@IDLE
@pytest.mark.parametrize("ways", [BOTH, ANSWERS])
def test_an_order_on_a_vanished_connection_is_placed_once(
    hole: BlackHole, contexts: Contexts, ways: dict[str, Any], idle_seconds: int
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    call("order/list_orders", "GET", "/orders", token=buyer.token)
    vanish(hole, idle_seconds, **ways)
    answer, left = timed(lambda: place(buyer, (product, 1)), contexts)
    assert left > 10 / 2
    assert_ordered_once(buyer, product, answer)


@IDLE
def test_a_cancellation_on_a_vanished_connection_is_made_once(
    hole: BlackHole, contexts: Contexts, idle_seconds: int
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    order = an_order(buyer, (product, 1))
    vanish(hole, idle_seconds)
    answer, left = timed(lambda: cancel(buyer, order), contexts)
    assert (answer.status, left > 10 / 2) == (200, True)
    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 1_000)
    assert_books_hold(product, users=[buyer.user_id])


@IDLE
def test_a_payment_on_a_vanished_connection_charges_once(
    hole: BlackHole, contexts: Contexts, gateway: RunningGateway, idle_seconds: int
) -> None:
    order = a_card_order(buyer := a_buyer(), a_product(price=700))
    vanish(hole, idle_seconds)
    answer, left = timed(lambda: pay(buyer, order), contexts)
    assert (answer.status, left > 10 / 2) == (201, True)
    assert len(gateway.transactions(order)) == 1
    settled(order, "SUCCEEDED")


@IDLE
@pytest.mark.parametrize("key", [None, "key-of-a-like"])
def test_a_like_on_a_vanished_connection_is_stored_once_or_refused(
    hole: BlackHole, contexts: Contexts, key: str | None, idle_seconds: int
) -> None:
    product, buyer = a_product(), a_buyer()
    path = f"/products/{product}/like"

    def like() -> Answer:
        return call("like/like_product", "PUT", path, token=buyer.token, key=key)

    vanish(hole, idle_seconds)
    answer, left = timed(like, contexts)
    assert left > 10 / 2
    # Without a key, nothing tells whether what was sent took effect.
    is_told = key is not None or idle_seconds > IDLE_SECONDS
    assert answer.status == (200 if is_told else 503)
    if answer.status == 503:
        assert int(answer.headers["retry-after"]) > 0
    assert like().status == 200
    assert likes_of(product) == 1


@IDLE
@pytest.mark.parametrize(
    ("name", "path"), [("order/list_orders", "/orders"), ("product/list_products", "/products")]
)
def test_a_read_on_a_vanished_connection_is_answered(
    hole: BlackHole, contexts: Contexts, name: str, path: str, idle_seconds: int
) -> None:
    buyer = a_buyer(1)
    vanish(hole, idle_seconds)
    answer, left = timed(lambda: call(name, "GET", path, token=buyer.token), contexts)
    assert (answer.status, left > 10 / 2) == (200, True)


@IDLE
def test_an_event_on_a_vanished_connection_is_consumed_once(
    hole: BlackHole, contexts: Contexts, gateway: RunningGateway, idle_seconds: int
) -> None:
    order = a_card_order(buyer := a_buyer(), a_product(price=700))
    assert pay(buyer, order).status == 201
    settled(order, "SUCCEEDED")
    [paid] = [each for each in events_of_payments(order) if each["type"] == "PaymentSucceeded"]
    vanish(hole, idle_seconds)
    is_done, left = timed(lambda: consume(CONSUMERS["PaymentSucceeded"], paid), contexts)
    assert (is_done, left > 30) == (True, True)
    assert status_of(order) == "CONFIRMED"


@IDLE
def test_a_schedule_on_a_vanished_connection_does_its_work(
    own_shop: str, hole: BlackHole, contexts: Contexts, idle_seconds: int
) -> None:
    product, buyers = a_product(stock=5), [a_buyer(1_000) for _ in range(3)]
    orders = [a_pending_order(buyer, product, points=10) for buyer in buyers]
    vanish(hole, idle_seconds)
    done, left = timed(expire, contexts)
    assert (done, left > 30) == ({"expired": 3, "waiting": 0}, True)
    assert {status_of(order) for order in orders} == {"CANCELLED"}
    assert stock_of(product) == 5
    assert_books_hold(product, users=[buyer.user_id for buyer in buyers])


# --- a connection that vanishes in the middle -----------------------------------------------------


@pytest.mark.parametrize("ways", [BOTH, ANSWERS, LATE_ANSWERS])
def test_an_order_whose_commit_vanishes_is_placed_once(
    hole: BlackHole, contexts: Contexts, ways: dict[str, Any]
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    with lost_at(hole, "INSERT INTO once", **ways) as lost:
        answer, left = timed(lambda: place(buyer, (product, 1)), contexts)
    assert (lost, left > 0) == (["INSERT INTO once"], True)
    assert "idempotency-replayed" not in answer.headers  # it is this request's own order
    assert_ordered_once(buyer, product, answer)


@pytest.mark.parametrize("key", [None, "key-of-a-cancellation"])
@pytest.mark.parametrize("ways", [BOTH, ANSWERS, LATE_ANSWERS])
def test_a_cancellation_whose_commit_vanishes_happens_once(
    hole: BlackHole, contexts: Contexts, ways: dict[str, Any], key: str | None
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    order = an_order(buyer, (product, 1))
    with lost_at(hole, "COMMIT", **ways) as lost:
        answer, left = timed(lambda: cancel(buyer, order, key=key), contexts)
    assert (lost, left > 0) == (["COMMIT"], True)
    # Without a key the commit cannot be repeated, as it may have been made.
    assert answer.status == (200 if key else 503)
    # The lost session holds no lock for which the next request would wait.
    again, left = timed(lambda: cancel(buyer, order, key=key), contexts)
    was_made = not ways["requests"] and key is None
    assert (again.status, left > 10 / 2) == (409 if was_made else 200, True)
    assert (stock_of(product), balance_of(buyer.user_id)) == (5, 1_000)
    assert_books_hold(product, users=[buyer.user_id])


@pytest.mark.usefixtures("own_shop")
@pytest.mark.parametrize("word", ["INSERT INTO once", "UPDATE payment", "FROM payment"])
@pytest.mark.parametrize("ways", [BOTH, ANSWERS, LATE_ANSWERS])
def test_a_payment_whose_connection_vanishes_charges_once_at_most(
    hole: BlackHole,
    contexts: Contexts,
    gateway: RunningGateway,
    ways: dict[str, Any],
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_GRACE_SECONDS", "0")
    order, key = a_card_order(buyer := a_buyer(), a_product(price=700)), a_key()
    with lost_at(hole, word, **ways) as lost:
        answer, left = timed(lambda: pay(buyer, order, key=key), contexts)
    assert (lost, left > 0) == ([word], True)
    assert answer.status in (201, 503)
    assert answer.status == 201 or int(answer.headers["retry-after"]) > 0
    # Until its time is over, the first function counts as running.
    wait_until(lambda: pay(buyer, order, key=key).status == 201, timeout_seconds=90)
    paid_in_the_end(buyer, order)
    assert len(gateway.transactions(order)) == 1


@pytest.mark.parametrize("ways", [BOTH, ANSWERS])
def test_an_event_whose_commit_vanishes_takes_effect_once(
    hole: BlackHole, contexts: Contexts, gateway: RunningGateway, ways: dict[str, Any]
) -> None:
    order = a_card_order(buyer := a_buyer(), a_product(price=700))
    assert pay(buyer, order).status == 201
    settled(order, "SUCCEEDED")
    [paid] = [each for each in events_of_payments(order) if each["type"] == "PaymentSucceeded"]
    with lost_at(hole, "COMMIT", **ways) as lost:
        is_done, left = timed(lambda: consume(CONSUMERS["PaymentSucceeded"], paid), contexts)
    assert (lost, is_done, left > 30) == (["COMMIT"], False, True)
    assert consume(CONSUMERS["PaymentSucceeded"], paid)
    assert status_of(order) == "CONFIRMED"
    changes = rows("SELECT status FROM order_history WHERE order_id = $1", order)
    assert sorted(row.status for row in changes) == ["CONFIRMED", "PENDING"]


# --- a new connection that gets no answer ---------------------------------------------------------


def test_no_answer_to_a_new_connection_is_unavailable_in_time(
    hole: BlackHole, contexts: Contexts
) -> None:
    product, buyer, key = a_product(stock=5, price=100), a_buyer(1_000), a_key()
    vanish(hole, 0)
    hole.is_silent = True
    answer, left = timed(lambda: place(buyer, (product, 1), key=key), contexts)
    assert (answer.status, answer.json["code"], left > 10 / 4) == (503, "UNAVAILABLE", True)
    assert int(answer.headers["retry-after"]) > 0
    hole.is_silent = False
    assert_ordered_once(buyer, product, place(buyer, (product, 1), key=key))


def test_an_unanswered_connection_attempt_is_unavailable_in_time(
    hole: BlackHole, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    database().close()
    with unanswered_port() as port:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://a:b@{LOOPBACK}:{port}/shop")
        answer, left = timed(lambda: place(buyer, (product, 1)), contexts)
    assert (answer.status, left > 10 / 4) == (503, True)


def test_a_hanging_tls_handshake_is_unavailable_in_time(
    hole: BlackHole, contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    database().close()
    with socket.create_server((LOOPBACK, 0)) as listener:
        url = f"postgresql://a:b@{LOOPBACK}:{listener.getsockname()[1]}/shop?sslmode=require"
        monkeypatch.setenv("DATABASE_URL", url)

        def say_yes_and_nothing_else() -> None:
            server, _ = listener.accept()
            kept.append(server)
            server.recv(8)
            server.sendall(b"S")

        kept: list[socket.socket] = []
        thread = Thread(target=say_yes_and_nothing_else)
        thread.start()
        answer, left = timed(lambda: place(buyer, (product, 1)), contexts)
        thread.join()
        for each in kept:
            each.close()
    assert (answer.status, left > 10 / 4) == (503, True)


# --- what else may hang ---------------------------------------------------------------------------


@pytest.fixture
def silent_address() -> Iterator[str]:
    """An address that accepts connections and says nothing."""
    with socket.create_server((LOOPBACK, 0), backlog=100) as listener:
        yield f"{LOOPBACK}:{listener.getsockname()[1]}"


@pytest.fixture
def silent_aws(silent_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """DynamoDB, SQS, SNS and EventBridge accept connections and say nothing."""
    from commerce.entrypoints import idempotency

    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{silent_address}")
    for each in (aws.client, idempotency._store):
        each.cache_clear()
    yield
    for each in (aws.client, idempotency._store):
        each.cache_clear()


@pytest.fixture
def silent_valkey(silent_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Valkey accepts connections and says nothing."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", 0.1)  # spec §9
    monkeypatch.setenv("VALKEY_URL", f"redis://{silent_address}/0")
    valkey.valkey().close()
    yield
    valkey.valkey().close()
    valkey.valkey()._skipped_until = 0.0


@pytest.mark.usefixtures("silent_aws", "silent_valkey")
def test_an_order_is_placed_while_aws_and_valkey_are_silent(
    hole: BlackHole, contexts: Contexts
) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(1_000)
    vanish(hole, 0)
    answer, left = timed(lambda: place(buyer, (product, 1)), contexts)
    assert left > 0.3
    assert_ordered_once(buyer, product, answer)


@pytest.mark.parametrize("word", ["INSERT INTO once", "FROM payment"])
@pytest.mark.parametrize("ways", [BOTH, LATE_ANSWERS])
def test_a_payment_is_answered_in_time_whatever_hangs(
    hole: BlackHole,
    contexts: Contexts,
    gateway: RunningGateway,
    ways: dict[str, Any],
    word: str,
    request: pytest.FixtureRequest,
) -> None:
    for each in ("silent_aws", "silent_valkey"):
        request.getfixturevalue(each)
    gateway.behave("charge_then_hang", seconds=30)
    order, key = a_card_order(buyer := a_buyer(), a_product(price=700)), a_key()

    def pay_in_a_longer_function() -> Answer:
        body = {"order_id": order, "card_type": "KB", "card_no": "4111-2222-3333-9876"}
        event = lambda_calls.http_event("POST", "/payments", body=body, token=buyer.token, key=key)
        found: dict[str, Any] = lambda_calls.function("payment/pay_order")(
            event, lambda_calls.lambda_context(60)
        )
        return Answer(found["statusCode"], found["body"], found["multiValueHeaders"])

    with lost_at(hole, word, **ways):
        answer, left = timed(pay_in_a_longer_function, contexts)
    assert left > 60 - ANSWER_SECONDS - BUSY_SECONDS
    assert answer.status in (201, 503)
    assert answer.status == 201 or "Retry-After" in answer.headers
    assert len(gateway.transactions(order)) <= 1
    assert len(statuses_of(order)) <= 1
