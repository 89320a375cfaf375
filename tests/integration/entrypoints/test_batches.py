"""Consumers of batches: what cannot be read fails alone, what fails is tried alone."""

from collections.abc import Sequence
from typing import Any

import pytest

from commerce.app.shop import Shop
from commerce.entrypoints.queue import Received, batch_handler, event_handler, once_each
from commerce.like import ProductLiked
from commerce.order import OrderConfirmed
from commerce.product import ProductViewed
from commerce.shared.clock import new_id
from commerce.shared.errors import Unavailable
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.lambda_calls import bus_message, lambda_context, sqs_event
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

PRODUCT = str(new_id())


class Consumer:
    """Remembers what it was handed; fails on the products it cannot bear."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.calls: list[list[str]] = []
        self.unbearable: set[str] = set()
        self.failure = failure or ValueError("unbearable")

    def __call__(self, received: Sequence[Received[Any]]) -> None:
        self.calls.append([str(each.event.product_id) for each in received])
        if self.unbearable & set(self.calls[-1]):
            raise self.failure


def failed(event: dict[str, Any], answer: Any) -> list[int]:
    ids = [record["messageId"] for record in event["Records"]]
    return sorted(ids.index(each["itemIdentifier"]) for each in answer["batchItemFailures"])


def deliver(consumer: Any, *bodies: Any) -> list[int]:
    event = sqs_event(*bodies)
    handler = batch_handler([ProductLiked, ProductViewed], consumer)
    return failed(event, handler(event, lambda_context()))


def test_all_messages_of_a_call_are_consumed_together() -> None:
    consumer = Consumer()
    products = [str(new_id()) for _ in range(3)]
    assert deliver(consumer, *(bus_message(envelope_of(a_like(each))) for each in products)) == []
    assert consumer.calls == [products]


@pytest.mark.parametrize(
    "malformed",
    [
        "not JSON",
        "[]",
        {"detail": {}},
        {"detail": None},
        bus_message(envelope_of(an_unlike(PRODUCT))),  # a type that is none of ours
        bus_message({**envelope_of(a_like(PRODUCT)), "data": {}}),
        bus_message({**envelope_of(a_like(PRODUCT)), "id": "1"}),
        bus_message({**envelope_of(a_like(PRODUCT)), "occurred_at": "yesterday"}),
        bus_message({**envelope_of(a_like(PRODUCT)), "occurred_at": "2026-01-31T09:30:00"}),
        bus_message({**envelope_of(a_like(PRODUCT)), "aggregate_version": "1"}),
        bus_message({**envelope_of(a_like(PRODUCT)), "aggregate_version": True}),
    ],
)
def test_a_message_that_cannot_be_read_fails_alone(malformed: Any) -> None:
    consumer = Consumer()
    good = bus_message(envelope_of(a_view(PRODUCT)))
    assert deliver(consumer, good, malformed, good) == [1]
    assert consumer.calls == [[PRODUCT, PRODUCT]]


def test_a_batch_without_readable_messages_consumes_nothing() -> None:
    consumer = Consumer()
    assert deliver(consumer, "rubbish") == [0]
    assert consumer.calls == []


def test_a_failed_batch_is_retried_message_by_message() -> None:
    consumer = Consumer()
    products = [str(new_id()) for _ in range(4)]
    consumer.unbearable = {products[2]}
    assert deliver(consumer, *(bus_message(envelope_of(a_like(each))) for each in products)) == [2]
    assert consumer.calls == [products, *([each] for each in products)]


def test_without_a_database_all_messages_return_without_single_retries() -> None:
    consumer = Consumer(Unavailable())
    consumer.unbearable = {PRODUCT}
    assert deliver(consumer, *[bus_message(envelope_of(a_like(PRODUCT)))] * 3) == [0, 1, 2]
    assert len(consumer.calls) == 1


def test_events_take_effect_once_and_failed_ones_stay_unclaimed() -> None:
    consumer, seen = f"test {new_id()}", list[str]()

    def work(shop: Shop, received: Sequence[Received[Any]]) -> None:
        if any(str(each.event.product_id) == PRODUCT for each in received):
            raise ValueError("unbearable")
        seen.extend(str(each.event.product_id) for each in received)

    products = [str(new_id()) for _ in range(3)]
    good = [bus_message(envelope_of(a_like(each))) for each in products]
    bad = bus_message(envelope_of(a_like(PRODUCT)))
    assert deliver(once_each(consumer, work), good[0], good[0], bad, good[1]) == [2]
    assert deliver(once_each(consumer, work), *good, bad) == [3]

    assert seen == products
    claimed = rows("SELECT key FROM once WHERE scope = $1", consumer)
    assert {row.key for row in claimed} == {each["detail"]["id"] for each in good}


def test_an_event_of_another_type_is_not_read_as_the_expected_one() -> None:
    seen: list[Any] = []
    handler = event_handler(OrderConfirmed, seen.append)
    order = an_order((PRODUCT, 1, 100))
    event = sqs_event(
        bus_message(envelope_of(a_cancellation(order))),  # it has every field of the other
        bus_message(envelope_of(order)),
    )

    assert failed(event, handler(event, lambda_context())) == [0]
    assert [each.event for each in seen] == [order]


@pytest.mark.parametrize(
    "line", [{"quantity": 0}, {"quantity": -1}, {"quantity": "2"}, {"quantity": 2**53},
             {"unit_price": {"amount": -1, "currency": "KRW"}}]
)  # fmt: skip
def test_an_event_with_an_impossible_order_line_is_refused(line: dict[str, Any]) -> None:
    seen: list[Any] = []
    handler = event_handler(OrderConfirmed, seen.append)
    good = envelope_of(an_order((PRODUCT, 1, 100)))
    lines = [{**good["data"]["lines"][0], **line}]
    event = sqs_event(bus_message({**good, "data": {**good["data"], "lines": lines}}))

    assert failed(event, handler(event, lambda_context())) == [0]
    assert seen == []


def test_additional_fields_of_a_newer_producer_are_ignored() -> None:
    consumer = Consumer()
    like = envelope_of(a_like(PRODUCT))
    newer = {**like, "schema": 2, "data": {**like["data"], "weight": {"of": ["it"]}}}

    assert deliver(consumer, bus_message(newer)) == []
    assert consumer.calls == [[PRODUCT]]
