"""Processes killed (SIGKILL) at the worst step: nothing is lost, nothing is done twice."""

import json
from collections import Counter

import boto3
import pytest

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.messaging.bus import EventBridgeBus
from commerce.runtime.messaging.relay import Relay
from commerce.shared.clock import new_id
from commerce.shared.events import Event
from infra.ops.__main__ import main
from tests.faults.victims import run_victim
from tests.support.bus import an_observed_bus
from tests.support.coupons import an_issued, place_with, status_of_coupon
from tests.support.dead_letters import DeadQueue, a_dead_queue, an_order_message
from tests.support.delivery import Delivery
from tests.support.lambda_calls import call
from tests.support.orders import an_order, cancel, outcome, status_of, types_of
from tests.support.other_connection import wait_until
from tests.support.shipping import a_cancelled_order, consume, event_of
from tests.support.shop import (
    a_buyer,
    a_key,
    a_product,
    assert_books_hold,
    balance_of,
    rows,
    stock_of,
)

pytestmark = pytest.mark.usefixtures("shop_environment")


class SomethingHappened(Event):
    """An event of this suite's own."""

    source = "commerce.test"


@pytest.mark.parametrize(
    ("step", "times_received"), [("relay_between_put_and_mark", 2), ("relay_before_put", 1)]
)
def test_a_killed_relay_loses_no_event(
    own_database_url: str, step: str, times_received: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = an_observed_bus()
    monkeypatch.setenv("EVENT_BUS_NAME", bus.name)
    database = Database(lambda: own_database_url)
    events = [SomethingHappened(aggregate_id=new_id(), aggregate_version=1) for _ in range(7)]
    with UnitOfWork(database) as uow:
        for event in events:
            uow.record(event)
        uow.commit()

    run_victim(step, DATABASE_URL=own_database_url, EVENT_BUS_NAME=bus.name)
    again = Relay(database, EventBridgeBus()).run()

    received = Counter(envelope["aggregate_id"] for envelope in bus.received())
    assert received == {str(event.aggregate_id): times_received for event in events}
    assert (again.published, again.refused) == (7, 0)
    assert Relay(database, EventBridgeBus()).waiting().count == 0
    database.close()


BEFORE, AFTER = "shipping_before_send", "shipping_between_send_and_record"
KILLS = [
    ("OrderConfirmed", BEFORE, "OrderConfirmed"),
    ("OrderConfirmed", BEFORE, "OrderCancelled"),
    ("OrderConfirmed", AFTER, "OrderConfirmed"),
    ("OrderConfirmed", AFTER, "OrderCancelled"),
    ("OrderCancelled", BEFORE, "OrderCancelled"),
    ("OrderCancelled", AFTER, "OrderCancelled"),
]


def test_a_shipping_function_killed_after_sending_leaves_one_notice(delivery: Delivery) -> None:
    order_id = an_order(a_buyer(points=100), (a_product(stock=1, price=100), 1))
    confirmed = event_of(order_id, "OrderConfirmed")
    run_victim(AFTER, json.dumps(confirmed), "ORDER")
    assert sent(order_id) == set()

    assert [consume(confirmed, receive_count=2) for _ in range(2)] == [True] * 2

    assert delivery.tries(order_id) == [("ORDER", "received"), ("ORDER", "repeated")]
    assert sent(order_id) == {"ORDER"}


@pytest.mark.parametrize(("killed", "step", "next_"), KILLS)
def test_the_next_call_completes_a_killed_shipping_function(
    delivery: Delivery, killed: str, step: str, next_: str
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(a_buyer(points=1_000))
    if killed == "OrderCancelled":
        assert consume(confirmed)
        run_victim(step, json.dumps(cancelled), "WITHDRAWAL")
    else:
        run_victim(step, json.dumps(confirmed), "ORDER")

    again = [confirmed, cancelled] if next_ == "OrderConfirmed" else [cancelled, confirmed]
    assert [consume(event, receive_count=2) for event in again] == [True] * 2

    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]
    assert sent(order_id) == {"ORDER", "WITHDRAWAL"}


@pytest.mark.parametrize("step", [BEFORE, AFTER])
def test_a_withdrawal_killed_midway_is_completed_by_the_next_call(
    delivery: Delivery, step: str
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(a_buyer(points=1_000))
    run_victim(BEFORE, json.dumps(confirmed), "ORDER")
    run_victim(step, json.dumps(cancelled), "ORDER")
    assert consume(cancelled, receive_count=2)
    assert consume(confirmed, receive_count=2)
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


def sent(order_id: str) -> set[str]:
    sql = "SELECT kind FROM shipment_notice WHERE order_id = $1"
    return {row.kind for row in rows(sql, order_id)}


def test_a_cancellation_killed_before_its_commit_has_no_effect() -> None:
    product, buyer = a_product(stock=3, price=100), a_buyer(points=100)
    order_id = an_order(buyer, (product, 1))

    run_victim("cancel_before_commit", order_id, str(buyer.user_id))

    assert status_of(order_id) == "CONFIRMED"
    assert (stock_of(product), balance_of(buyer.user_id)) == (2, 0)
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed"]
    assert_books_hold(product, users=[buyer.user_id])
    assert cancel(buyer, order_id).status == 200
    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 100)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_cancellation_killed_before_its_answer_is_found_by_its_key(
    idempotency_store_is_down: None,
) -> None:
    product, buyer, key = a_product(stock=3, price=100), a_buyer(points=100), a_key()
    order_id = an_order(buyer, (product, 1))

    run_victim("cancel_between_commit_and_answer", order_id, buyer.token, key)
    answer = cancel(buyer, order_id, key=key)

    assert (answer.status, answer.headers["idempotency-replayed"]) == (200, "true")
    assert (answer.json["order_id"], answer.json["status"]) == (order_id, "CANCELLED")
    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 100)
    assert types_of(order_id) == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]
    assert_books_hold(product, users=[buyer.user_id])


def test_a_cancellation_killed_after_commit_holds_without_a_key_too() -> None:
    product, buyer = a_product(stock=3, price=100), a_buyer(points=100)
    order_id = an_order(buyer, (product, 1))

    run_victim("cancel_between_commit_and_answer", order_id, buyer.token, "")

    assert outcome(cancel(buyer, order_id)) == "ORDER_NOT_CANCELLABLE"
    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 100)
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_killed_before_its_commit_has_no_effect() -> None:
    product = a_product(stock=3, price=100)
    buyer = a_buyer(points=100)

    run_victim("order_before_commit", str(buyer.user_id), product)

    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 100)
    assert rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id) == []
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_killed_before_its_commit_leaves_the_coupon_unused() -> None:
    product, buyer = a_product(stock=3, price=1_000), a_buyer(points=1_000)
    copy = an_issued(buyer)

    run_victim("coupon_order_before_commit", str(buyer.user_id), product, copy)

    assert status_of_coupon(buyer, copy) == "AVAILABLE"
    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 1_000)
    assert place_with(buyer, copy, (product, 1)).status == 201
    assert_books_hold(product, users=[buyer.user_id])


def test_an_order_killed_before_its_answer_is_found_by_its_key(
    idempotency_store_is_down: None,
) -> None:
    product = a_product(stock=3, price=100)
    buyer = a_buyer(points=100)
    key = a_key()

    run_victim("order_between_commit_and_answer", product, buyer.token, key)
    body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}
    answer = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key)

    assert (answer.status, answer.headers["idempotency-replayed"]) == (201, "true")
    ordered = rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id)
    assert [str(row.id) for row in ordered] == [answer.json["order_id"]]
    assert (stock_of(product), balance_of(buyer.user_id)) == (2, 0)
    assert_books_hold(product, users=[buyer.user_id])


def test_a_lost_connection_is_replaced_without_an_error(database_url: str) -> None:
    product = a_product(stock=3, price=100)
    buyer = a_buyer(points=100)
    [mine] = rows("SELECT pg_backend_pid() AS pid")
    other = Database(lambda: database_url)
    other.run([Query("SELECT pg_terminate_backend($1)", [mine.pid])])
    other.close()

    body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}
    answer = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key())

    assert answer.status == 201
    assert (stock_of(product), balance_of(buyer.user_id)) == (2, 0)
    assert_books_hold(product, users=[buyer.user_id])


def visible_letters(dead: DeadQueue) -> int:
    found = boto3.client("sqs").get_queue_attributes(
        QueueUrl=dead.dead_letters_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_a_killed_redrive_loses_no_dead_letter() -> None:
    dead = a_dead_queue()
    bodies = [an_order_message(f"o-{n}") for n in range(15)]
    dead.fill(*bodies)

    run_victim("redrive_between_send_and_delete", dead.name, dead.stack)
    wait_until(lambda: visible_letters(dead) == len(bodies))
    assert main(["dlq", "redrive", dead.name, "--stack", dead.stack]) == 0

    sent = dead.bodies()
    assert set(sent) == set(bodies)
    assert sum(sent.values()) == 25  # ten of them twice: consumers claim what they do
    assert dead.dead_letters() == Counter()


def test_a_killed_discard_leaves_the_dead_letter_and_its_audit_entry() -> None:
    dead = a_dead_queue()
    [id_] = dead.fill(an_order_message("o-1"))

    run_victim("discard_between_audit_and_delete", dead.name, dead.stack, id_)

    assert len(rows("SELECT id FROM ops_audit WHERE message_id = $1", id_)) == 1
    wait_until(lambda: visible_letters(dead) == 1)
    assert sum(dead.dead_letters().values()) == 1
