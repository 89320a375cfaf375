"""Product metrics: what is told is added to the business day it happened on, once."""

from functools import partial
from typing import Any

import pytest

from commerce.shared.clock import new_id
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.shop import rows
from tests.support.statements import counted
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def product() -> str:
    return str(new_id())


def deliver(*envelopes: dict[str, Any]) -> list[str]:
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def days_of(product: str) -> dict[str, tuple[int, ...]]:
    found = rows(
        "SELECT day, views, likes, orders, units, amount FROM product_metrics_daily"
        " WHERE product_id = $1 ORDER BY day",
        product,
    )
    return {row.day.isoformat(): tuple(row)[1:] for row in found}


def test_each_event_type_adds_to_its_own_metric(product: str) -> None:
    at = "2026-03-10T03:00:00.000000Z"
    events = [
        a_view(product), a_view(product), a_like(product), a_like(product), an_unlike(product),
        an_order((product, 3, 1000)), an_order((product, 1, 500), (str(new_id()), 9, 9)),
    ]  # fmt: skip
    assert deliver(*(envelope_of(event, at=at) for event in events)) == []
    assert days_of(product) == {"2026-03-10": (2, 1, 2, 4, 3500)}
    assert deliver(envelope_of(a_view(product), at=at)) == []
    assert days_of(product) == {"2026-03-10": (3, 1, 2, 4, 3500)}


def test_a_day_is_the_business_day_of_the_event(
    product: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = "2026-03-09T14:59:59.999999Z", "2026-03-09T15:00:00.000000Z"
    deliver(envelope_of(a_view(product), at=after), envelope_of(a_view(product), at=before))
    assert days_of(product) == {"2026-03-09": (1, 0, 0, 0, 0), "2026-03-10": (1, 0, 0, 0, 0)}
    monkeypatch.setenv("BUSINESS_TIME_ZONE", "UTC")
    deliver(envelope_of(a_view(product), at=after))
    assert days_of(product)["2026-03-09"] == (2, 0, 0, 0, 0)


def test_an_unlike_on_another_day_corrects_the_day_of_the_like(product: str) -> None:
    liked_at = "2026-03-09T03:00:00.000000Z"
    deliver(envelope_of(a_like(product), at=liked_at))
    deliver(envelope_of(an_unlike(product, liked_at=liked_at), at="2026-03-10T03:00:00.000000Z"))
    assert [day[1] for day in days_of(product).values()] == [0]


def test_a_cancelled_order_is_subtracted_if_it_was_counted(product: str) -> None:
    order, other = an_order((product, 3, 1000)), an_order((product, 1, 500))
    at = "2026-03-10T03:00:00.000000Z"
    events = [order, other, a_cancellation(order), a_cancellation(other, was_confirmed=False)]
    assert deliver(*(envelope_of(event, at=at) for event in events)) == []
    assert days_of(product) == {"2026-03-10": (0, 0, 1, 1, 500)}


def test_an_event_delivered_twice_counts_once(product: str) -> None:
    envelope = envelope_of(a_view(product))
    assert deliver(envelope, envelope) == []
    assert deliver(envelope) == []
    assert [day[0] for day in days_of(product).values()] == [1]


def test_simultaneous_batches_count_every_event_once() -> None:
    products = [str(new_id()) for _ in range(5)]
    events = [envelope_of(a_view(product)) for product in products for _ in range(8)]

    failed = run_concurrently(
        [partial(deliver, *events[start::4]) for start in range(4)]
        + [partial(deliver, *reversed(events))]
    )

    assert failed == [[]] * 5
    assert [sum(day[0] for day in days_of(each).values()) for each in products] == [8] * 5


def test_a_batch_needs_as_many_statements_as_one_event(product: str) -> None:
    with counted() as one:
        deliver(envelope_of(a_view(product)))
    with counted() as many:
        deliver(*(envelope_of(a_view(str(new_id()))) for _ in range(50)))
    assert one.count == many.count == 4  # BEGIN, the claims, the days, COMMIT
    assert len(many.trips) == 2
