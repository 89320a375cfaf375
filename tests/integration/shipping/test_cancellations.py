"""Notices of orders and their cancellations, in whatever order the events arrive."""

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest

from commerce.app.fulfilment import to_deliver
from commerce.app.transactions import in_transaction
from commerce.runtime.aws import client
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.errors import Busy
from commerce.shipping.repository import SqlShipmentRepository
from tests.support.delivery import Delivery
from tests.support.lambda_calls import function
from tests.support.orders import a_pending_order, an_order, cancel, cancel_as_admin, ship
from tests.support.queues import OpsTopic, Queue, a_queue
from tests.support.shipping import (
    FUNCTIONS,
    KINDS,
    a_cancelled_order,
    a_changed_order,
    a_partly_cancelled_order,
    consume,
    event_of,
)
from tests.support.shop import Person, a_buyer, a_product, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


def sent(order_id: str) -> set[str]:
    sql = "SELECT kind FROM shipment_notice WHERE order_id = $1"
    return {row.kind for row in rows(sql, order_id)}


def test_a_confirmed_order_is_sent_once(delivery: Delivery, buyer: Person) -> None:
    product = a_product(stock=5, price=100, name="Rocket skates")
    order_id = an_order(buyer, (product, 2))
    confirmed = event_of(order_id, "OrderConfirmed")
    assert [consume(confirmed) for _ in range(3)] == [True] * 3
    assert delivery.tries(order_id) == [("ORDER", "received")]
    assert sent(order_id) == {"ORDER"}
    [notice] = [each for each in delivery.system._notices.values() if each.order_id == order_id]
    assert notice.lines == [{"product_id": product, "product_name": "Rocket skates", "quantity": 2}]


def test_a_cancelled_order_is_withdrawn_once(delivery: Delivery, buyer: Person) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    assert [consume(event) for event in (confirmed, cancelled, cancelled, confirmed)] == [True] * 4
    assert delivery.tries(order_id) == [("ORDER", "received"), ("WITHDRAWAL", "received")]
    assert sent(order_id) == {"ORDER", "WITHDRAWAL"}


def test_an_order_is_not_sent_when_its_cancellation_comes_first(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    assert [consume(event) for event in (cancelled, confirmed, cancelled)] == [True] * 3
    assert delivery.tries(order_id) == []


def test_an_order_that_was_never_confirmed_is_not_withdrawn(
    delivery: Delivery, buyer: Person
) -> None:
    order_id = a_pending_order(buyer, a_product(stock=5, price=100), points=10)
    assert cancel(buyer, order_id).status == 200
    assert consume(event_of(order_id, "OrderCancelled"))
    assert delivery.tries(order_id) == []
    assert rows("SELECT order_id FROM shipment WHERE order_id = $1", order_id) == []


def test_an_expired_order_is_not_withdrawn(delivery: Delivery, buyer: Person) -> None:
    product = a_product(stock=5, price=100)
    order_id = a_pending_order(buyer, product, points=0, expires_in=timedelta(0))
    in_transaction(lambda shop: shop.orders.expire(order_id))
    assert consume(event_of(order_id, "OrderCancelled"))
    assert delivery.tries(order_id) == []


def test_an_order_cancelled_after_shipment_is_withdrawn(delivery: Delivery, buyer: Person) -> None:
    order_id, admin = an_order(buyer, (a_product(stock=5, price=100), 1)), an_admin()
    ship(admin, order_id)
    cancel_as_admin(admin, order_id)
    assert consume(event_of(order_id, "OrderConfirmed"))
    assert consume(event_of(order_id, "OrderCancelled"))
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


def test_a_shipment_stays_locked_until_its_decision_is_saved(
    buyer: Person, database_url: str
) -> None:
    order_id = UUID(an_order(buyer, (a_product(stock=5, price=100), 1)))
    in_transaction(lambda shop: shop.shipping.begin(order_id, partial(to_deliver, shop, order_id)))
    look = Query("SELECT FROM shipment WHERE order_id = $1 FOR UPDATE NOWAIT", [order_id])
    other = Database(lambda: database_url)
    with UnitOfWork(database()) as uow:
        SqlShipmentRepository(uow).lock_or_open(order_id)
        with pytest.raises(Busy):
            other.run([look])
    other.run([look])
    other.close()


def test_notices_sent_before_shipments_were_stored_are_withdrawn_too(
    delivery: Delivery, buyer: Person
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    consume(confirmed)
    rows("DELETE FROM shipment WHERE order_id = $1", order_id)
    assert consume(cancelled)
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


def test_a_notice_with_a_lost_answer_is_completed_by_the_cancellation(
    delivery: Delivery, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    delivery.behave("fail", times=1)
    assert not consume(confirmed)
    assert consume(cancelled)
    assert delivery.tries(order_id) == [
        ("ORDER", "failed"),
        ("ORDER", "received"),
        ("WITHDRAWAL", "received"),
    ]
    assert consume(confirmed, receive_count=2)
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


@pytest.mark.parametrize("order", sorted(set(permutations(["confirmed", "cancelled"] * 2))))
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_events_in_any_order_with_failures_end_consistently(
    delivery: Delivery, buyer: Person, order: tuple[str, ...], failures: int
) -> None:
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    delivery.behave("fail", times=failures)
    waiting = [confirmed if each == "confirmed" else cancelled for each in order]
    while waiting:
        event = waiting.pop(0)
        if not consume(event):
            waiting.append(event)
        assert delivery.kinds(order_id) in ([], ["ORDER"], ["ORDER", "WITHDRAWAL"])
    expected = [] if order[0] == "cancelled" else ["ORDER", "WITHDRAWAL"]
    assert delivery.kinds(order_id) == expected


def test_a_slow_notice_is_not_overtaken_by_its_withdrawal(
    delivery: Delivery, buyer: Person
) -> None:
    """The sender gives up after 3 s; the delivery system keeps the ORDER a second later."""
    order_id, confirmed, cancelled = a_cancelled_order(buyer)
    delivery.behave("slow", times=1, seconds=4)
    assert not consume(confirmed)
    assert consume(cancelled)
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]
    wait_for_the_slow_one(delivery, order_id)
    assert delivery.kinds(order_id) == ["ORDER", "WITHDRAWAL"]


def wait_for_the_slow_one(delivery: Delivery, order_id: str) -> None:
    deadline = time.monotonic() + 10
    while len(delivery.tries(order_id)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_retries_back_off_and_the_last_one_does_not_wait(
    delivery: Delivery, topic: OpsTopic, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", "60")
    confirmed = event_of(an_order(buyer, (a_product(stock=5, price=100), 1)), "OrderConfirmed")
    delivery.behave("fail")
    pauses: list[int] = []

    def see(params: Mapping[str, Any], **_: Any) -> None:
        pauses.append(params["VisibilityTimeout"])

    hook = "provide-client-params.sqs.ChangeMessageVisibility"
    client("sqs").meta.events.register(hook, see)
    assert [consume(confirmed, receive_count=count) for count in (1, 2, 3)] == [False] * 3
    client("sqs").meta.events.unregister(hook, see)
    first, second, last = pauses
    assert 60 <= first <= 90
    assert 120 <= second <= 180
    assert last == 0


def drain(queue: Queue, name: str) -> None:
    while queue.poll(function(name)):
        pass


def test_a_delivery_system_that_recovers_gets_the_notice_once(
    delivery: Delivery, topic: OpsTopic, buyer: Person
) -> None:
    order_id = an_order(buyer, (a_product(stock=5, price=100), 1))
    delivery.behave("fail", times=2)
    queue = a_queue()
    queue.send(event_of(order_id, "OrderConfirmed"))
    drain(queue, FUNCTIONS["OrderConfirmed"])
    assert delivery.tries(order_id) == [("ORDER", "failed")] * 2 + [("ORDER", "received")]
    assert queue.receive_counts == [1, 2, 3]
    assert topic.received() == []
    assert queue.dead_letters() == []


@pytest.mark.parametrize("type_", FUNCTIONS)
def test_the_last_failure_is_one_alert_and_one_dead_letter(
    delivery: Delivery, topic: OpsTopic, buyer: Person, type_: str
) -> None:
    if type_ == "OrderAddressChanged":
        order_id, confirmed, _ = a_changed_order(buyer, is_sent=True)
    elif type_ == "OrderLinesCancelled":
        order_id, confirmed = a_partly_cancelled_order(buyer)
    else:
        order_id, confirmed, _ = a_cancelled_order(buyer)
    if type_ == "OrderCancelled":
        consume(confirmed)
    kind = KINDS[type_]
    delivery.behave("fail")
    queue, good = a_queue(), an_order(buyer, (a_product(stock=5, price=100), 1))
    event = event_of(order_id, type_)
    queue.send(event)
    drain(queue, FUNCTIONS[type_])

    assert [each for each in delivery.tries(order_id) if each[1] == "failed"] == (
        [(kind, "failed")] * 3
    )
    [(subject, alert)] = topic.received()
    assert subject == f"SHIPMENT_NOTICE_FAILED {kind} {order_id}"
    assert alert == {
        "alert": "SHIPMENT_NOTICE_FAILED",
        "summary": alert["summary"],
        "order_id": order_id,
        "kind": kind,
        "cause": "It answered 500.",
        "trace_id": event["trace_id"],
        "console": f"/console#order={order_id}",
        "runbook": "docs/runbooks/shipment-notice-failed.md",
    }
    [dead] = queue.dead_letters()
    assert dead["detail"]["data"]["order_id"] == order_id

    # The operator sends it back: once it is well, it is told once; while it is not, in silence.
    queue.send(event)
    drain(queue, FUNCTIONS[type_])
    assert topic.received() == []
    assert len(queue.dead_letters()) == 1
    delivery.behave("ok")
    queue.send(event, event_of(good, "OrderConfirmed") if kind == "ORDER" else event)
    drain(queue, FUNCTIONS[type_])
    assert delivery.kinds(order_id)[-1] == kind
    assert delivery.kinds(order_id).count(kind) == 1
    assert queue.dead_letters() == []


def test_a_failed_alert_is_retried_and_hides_no_failure(
    delivery: Delivery, topic: OpsTopic, buyer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = an_order(buyer, (a_product(stock=5, price=100), 1))
    confirmed = event_of(order_id, "OrderConfirmed")
    delivery.behave("fail")
    queue = a_queue()
    with monkeypatch.context() as patch:
        patch.setenv("OPS_TOPIC_ARN", "arn:aws:sns:us-east-1:123456789012:gone")
        queue.send(confirmed)
        drain(queue, FUNCTIONS["OrderConfirmed"])
    assert len(queue.dead_letters()) == 1
    assert not consume(confirmed, receive_count=3)
    [(_, alert)] = topic.received()
    assert alert["order_id"] == order_id


def test_a_malformed_message_is_dead_lettered_alone_without_an_alert(
    delivery: Delivery, topic: OpsTopic, buyer: Person
) -> None:
    orders = [an_order(buyer, (a_product(stock=5, price=100), 1)) for _ in range(2)]
    queue = a_queue()
    queue.send(event_of(orders[0], "OrderConfirmed"))
    queue.send_text('{"detail": {}}')
    queue.send(event_of(orders[1], "OrderConfirmed"))
    drain(queue, FUNCTIONS["OrderConfirmed"])
    assert [delivery.tries(each) for each in orders] == [[("ORDER", "received")]] * 2
    assert queue.dead_letters() == [{"detail": {}}]
    assert topic.received() == []
