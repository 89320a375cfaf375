"""Views: hardly a cost to the reader, and yet they reach the bus."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import redis

from commerce.app import messaging
from commerce.runtime.cache.valkey import Valkey
from commerce.runtime.messaging import best_effort as passing
from commerce.runtime.messaging.best_effort import LIST
from commerce.shared import clock
from commerce.shared.clock import new_id
from infra.local.ports import Ports
from infra.local.valkey import start_valkey
from tests.support.bus import ObservedBus, an_observed_bus
from tests.support.lambda_calls import call, function, http_event, lambda_context, sqs_event
from tests.support.shop import a_buyer, a_product
from tests.support.statements import counted
from tests.support.valkey import forget_valkey, hanging

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A Valkey of the test's own, with nobody else's views in it."""
    running = start_valkey(tmp_path, Ports.free().valkey)
    monkeypatch.setenv("VALKEY_URL", running.url)
    forget_valkey()
    yield running
    running.stop()
    monkeypatch.undo()
    forget_valkey()


@pytest.fixture
def nudges(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that counts the nudges in a queue of the test's own."""
    sqs = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    url = sqs.create_queue(QueueName=f"nudges-{new_id()}")["QueueUrl"]
    monkeypatch.setenv("BEST_EFFORT_QUEUE_URL", url)

    def count() -> int:
        found = sqs.get_queue_attributes(
            QueueUrl=url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"],
        )
        return sum(map(int, found["Attributes"].values()))

    return count


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> ObservedBus:
    listened = an_observed_bus()
    monkeypatch.setenv("EVENT_BUS_NAME", listened.name)
    return listened


def view(product: str, **request: Any) -> str:
    """Look at the product as somebody new, unless told otherwise; returns the request's id."""
    request = request or {"headers": {"User-Agent": str(new_id())}}
    answer = call("product/get_product", "GET", f"/products/{product}", **request)
    assert answer.status == 200
    return answer.headers["x-request-id"]


def move() -> Any:
    return function("product/on_products_viewed")(sqs_event("{}"), lambda_context())


def test_a_view_reaches_the_bus_with_its_request_id(
    server: Any, nudges: Any, bus: ObservedBus
) -> None:
    product = a_product()
    requests = [view(product) for _ in range(3)]
    assert move() == {"batchItemFailures": []}
    heard = bus.received()
    assert {each["trace_id"] for each in heard} == set(requests)
    assert {each["type"] for each in heard} == {"ProductViewed"}
    assert [each["data"] for each in heard] == [{"product_id": product}] * 3
    assert len({each["id"] for each in heard}) == 3
    move()
    assert bus.received() == []


def test_a_run_publishes_a_thousand_views(server: Any, nudges: Any, bus: ObservedBus) -> None:
    product = a_product()
    view(product)
    client = redis.Redis.from_url(server.url)
    [text] = client.lrange(passing.LIST, 0, -1)
    client.rpush(passing.LIST, *[text] * 449, b"rubbish")
    assert messaging.best_effort_events().move_to(passing_bus := CountingBus()) == 450
    assert passing_bus.sizes == [10] * 45
    assert client.llen(passing.LIST) == 0
    client.close()


class CountingBus:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def put(self, envelopes: Any) -> list[str | None]:
        self.sizes.append(len(envelopes))
        return [None] * len(envelopes)


def test_views_send_at_most_one_nudge_per_second(
    server: Any, nudges: Any, bus: ObservedBus
) -> None:
    product = a_product()
    client = redis.Redis.from_url(server.url)
    for _ in range(5):
        view(product)
        client.pexpire(passing.NUDGED, 60_000)  # however slow this machine is
    assert nudges() == 1
    client.delete(passing.NUDGED)  # the second is over
    view(product)
    assert nudges() == 2
    client.close()


def test_the_list_of_views_is_bounded(
    server: Any, nudges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passing, "MAX_WAITING", 3)
    products = [a_product() for _ in range(5)]
    for product in products:
        view(product)
    client = redis.Redis.from_url(server.url)
    waiting = [
        json.loads(text)["data"]["product_id"] for text in client.lrange(passing.LIST, 0, -1)
    ]
    assert waiting == products[2:]  # the oldest are lost
    client.close()


def test_an_unknown_product_records_no_view(server: Any, nudges: Any) -> None:
    call("product/get_product", "GET", f"/products/{new_id()}")
    assert nudges() == 0


def test_a_view_adds_one_valkey_command_and_no_statement(
    server: Any, nudges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = a_product()
    view(product)
    trips: list[str] = []
    run = Valkey.run

    def counting(self: Valkey, question: Any) -> Any:
        trips.append(question.__qualname__)
        return run(self, question)

    monkeypatch.setattr(Valkey, "run", counting)
    with counted() as sent:
        view(product)
    assert sent.count == 1  # the product's state
    assert len(trips) == 3  # its card, its rank, and the view


def test_a_product_is_shown_without_valkey_and_queue(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = a_product()
    monkeypatch.setenv("BEST_EFFORT_QUEUE_URL", "http://127.0.0.1:9/nowhere")
    view(product)
    with hanging(server.pid):
        view(product)
    server.stop()
    view(product)


def waiting(server: Any) -> list[str]:
    """Return the products of the views that wait."""
    with redis.Redis.from_url(server.url) as client:
        return [json.loads(text)["data"]["product_id"] for text in client.lrange(LIST, 0, -1)]


def test_a_viewer_counts_once_per_product_and_hour(
    server: Any, nudges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product, other, buyer = a_product(), a_product(), a_buyer()
    for _ in range(220):
        view(product, headers={"User-Agent": "curl"})
    view(product, headers={"User-Agent": "Firefox"})
    view(other, headers={"User-Agent": "curl"})
    assert waiting(server) == [product, product, other]
    for agent in ("Firefox", "Opera"):
        view(product, headers={"User-Agent": agent}, token=buyer.token)
    assert waiting(server) == [product, product, other, product]
    later = clock.now() + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    view(product, headers={"User-Agent": "curl"})
    assert waiting(server) == [product, product, other, product, product]


def test_a_304_or_a_head_request_is_no_view(server: Any, nudges: Any) -> None:
    product, path = a_product(), "product/get_product"
    first = call(path, "GET", f"/products/{product}", headers={"If-None-Match": "*"})
    assert first.status == 304
    event = http_event("GET", f"/products/{product}")
    function(path)({**event, "httpMethod": "HEAD"}, lambda_context())
    assert waiting(server) == []


def test_who_looked_cannot_be_read_and_takes_a_fixed_room(server: Any, nudges: Any) -> None:
    product = a_product()
    for _ in range(50):
        view(product)
    with redis.Redis.from_url(server.url) as client:
        [filter_key] = [key for key in client.scan_iter("*:seen:*") if not key.endswith(b"salt")]
        assert client.strlen(filter_key) <= 2**25 // 8
        assert 0 < client.ttl(filter_key) <= 3600
        assert 0 < client.ttl(filter_key + b":salt") <= 3600
    assert waiting(server) == [product] * 50
