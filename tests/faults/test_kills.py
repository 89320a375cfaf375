"""Processes killed (SIGKILL) at the worst step: nothing is lost, nothing is done twice."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from commerce.shared.bus import EventBridgeBus
from commerce.shared.clock import new_id
from commerce.shared.database import Database, Query
from commerce.shared.events import Event
from commerce.shared.relay import Relay
from commerce.shared.unit_of_work import UnitOfWork
from infra.local.ports import LOOPBACK, Ports
from infra.local.process import start_server
from tests.support.bus import a_listened_bus
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
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

ROOT = Path(__file__).parents[2]


class SomethingHappened(Event):
    """An event of this suite's own."""

    source = "commerce.test"


def run_victim(step: str, *arguments: str, **environment: str) -> None:
    """Run a process that kills itself at the step, and see that it did."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.victims", step, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/domain/python")]),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize(
    ("step", "times_heard"), [("relay_between_put_and_mark", 2), ("relay_before_put", 1)]
)
def test_a_killed_relay_loses_no_event(
    own_database_url: str, step: str, times_heard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = a_listened_bus()
    monkeypatch.setenv("EVENT_BUS_NAME", bus.name)
    database = Database(lambda: own_database_url)
    events = [SomethingHappened(aggregate_id=new_id(), aggregate_version=1) for _ in range(7)]
    with UnitOfWork(database) as uow:
        for event in events:
            uow.record(event)
        uow.commit()

    run_victim(step, DATABASE_URL=own_database_url, EVENT_BUS_NAME=bus.name)
    again = Relay(database, EventBridgeBus()).run()

    heard = Counter(envelope["aggregate_id"] for envelope in bus.heard())
    assert heard == {str(event.aggregate_id): times_heard for event in events}
    assert (again.published, again.refused) == (7, 0)
    assert Relay(database, EventBridgeBus()).waiting().count == 0
    database.close()


@pytest.fixture
def delivery_url(tmp_path: Path) -> Iterator[str]:
    """A delivery system of the test's own."""
    port = Ports.free().delivery
    url = f"http://{LOOPBACK}:{port}"
    server = start_server(
        "delivery",
        [sys.executable, "-m", "infra.local.delivery", "--port", str(port)],
        url=url,
        directory=tmp_path,
        environment={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
    )
    server.wait_until(lambda: _is_up(url), timeout_seconds=30)
    yield url
    server.stop()


def _is_up(url: str) -> bool:
    try:
        return urllib3.request("GET", f"{url}/notices", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False


def test_a_shipping_function_killed_after_sending_leaves_one_notice(
    delivery_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, product_id = str(new_id()), str(new_id())
    run_victim("shipping_between_send_and_record", order_id, product_id, DELIVERY_URL=delivery_url)

    monkeypatch.setenv("DELIVERY_URL", delivery_url)
    envelope = {
        "id": str(new_id()),
        "source": "commerce.order",
        "type": "OrderConfirmed",
        "occurred_at": "2026-01-31T09:30:00.000000Z",
        "aggregate_id": order_id,
        "aggregate_version": 2,
        "trace_id": "killed",
        "data": {
            "order_id": order_id,
            "user_id": str(new_id()),
            "lines": [
                {
                    "product_id": product_id,
                    "product_name": "Anvil",
                    "unit_price": {"amount": 100, "currency": "KRW"},
                    "quantity": 1,
                }
            ],
            "total": {"amount": 100, "currency": "KRW"},
        },
    }
    redelivered = sqs_event(bus_message(envelope), receive_count=2)
    answers = [
        function("shipping/on_order_confirmed")(redelivered, lambda_context()) for _ in range(2)
    ]

    assert answers == [{"batchItemFailures": []}] * 2
    notices = json.loads(urllib3.request("GET", f"{delivery_url}/notices").data)["items"]
    assert [notice["order_id"] for notice in notices] == [order_id]
    told = rows("SELECT kind FROM shipment_notice WHERE order_id = $1", order_id)
    assert [row.kind for row in told] == ["ORDER"]


def test_an_order_killed_before_its_commit_never_was() -> None:
    product = a_product(stock=3, price=100)
    buyer = a_buyer(points=100)

    run_victim("order_before_commit", str(buyer.user_id), product)

    assert (stock_of(product), balance_of(buyer.user_id)) == (3, 100)
    assert rows("SELECT id FROM orders WHERE buyer_id = $1", buyer.user_id) == []
    assert_books_hold(product, users=(buyer.user_id,))


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
    assert_books_hold(product, users=(buyer.user_id,))


def test_a_connection_that_was_cut_is_replaced_unseen(database_url: str) -> None:
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
