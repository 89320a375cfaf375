"""Cancellations and unlikes are subtracted from the hour and day they were counted in."""

from math import log
from typing import Any

import pytest

from commerce.shared.clock import new_id
from commerce.shared.events import plain
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.lambda_calls import bus_message, call, function, lambda_context, sqs_event
from tests.support.orders import an_order as place_an_order
from tests.support.orders import cancel
from tests.support.rankings import Clock, board, carry_over, deliver
from tests.support.shop import a_buyer, a_product, rows

YESTERDAY, NOW = "2026-03-09T10:59:00+09:00", "2026-03-10T10:59:00+09:00"
HONEST = round(0.7 * log(1001), 9)


@pytest.fixture
def product() -> str:
    return str(new_id())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, NOW)


def count(*events: Any, at: str) -> None:
    assert deliver(*(envelope_of(event, at=at) for event in events)) == []


def recorded(product: str) -> list[dict[str, Any]]:
    """Return the envelopes about a product's orders and likes, oldest first."""
    found = rows(
        "SELECT id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data"
        " FROM outbox WHERE type = ANY($2) AND CAST(data AS text) LIKE '%' || $1 || '%'"
        " ORDER BY position",
        product,
        [
            "OrderConfirmed",
            "OrderLinesCancelled",
            "OrderCancelled",
            "ProductLiked",
            "ProductUnliked",
        ],
    )
    return [{name: plain(value) for name, value in row._asdict().items()} for row in found]


def test_an_order_cancelled_an_hour_later_leaves_the_next_hour_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_UNITS_PER_LINE", "900")
    buyer, other = a_buyer(points=10_000_000), a_buyer(points=10_000_000)
    product = a_product(stock=1000, price=1000)
    clock = Clock(monkeypatch, "2026-03-10T10:59:00+09:00")
    bent = place_an_order(buyer, (product, 900))
    clock.set("2026-03-10T11:00:00+09:00")
    place_an_order(other, (product, 1))
    assert cancel(buyer, bent).status == 200
    assert deliver(*recorded(product)) == []
    assert board("2026031010") == {}
    assert board("2026031011") == board("20260310") == {product: HONEST}


def test_an_unlike_takes_the_like_from_the_hour_it_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fickle, honest, product = a_buyer(), a_buyer(), a_product()
    clock = Clock(monkeypatch, "2026-03-10T10:59:00+09:00")
    path = f"/products/{product}/like"
    call("like/like_product", "PUT", path, token=fickle.token)
    clock.set("2026-03-10T11:00:00+09:00")
    call("like/like_product", "PUT", path, token=honest.token)
    call("like/unlike_product", "DELETE", path, token=fickle.token)
    assert deliver(*recorded(product)) == []
    assert board("2026031010") == {}
    assert board("2026031011") == board("20260310") == {product: 0.2}


def test_yesterdays_order_is_taken_from_yesterday_and_from_what_was_carried(
    clock: Clock, product: str
) -> None:
    clock.set(YESTERDAY)
    order = an_order((product, 900, 1000))
    count(order, a_view(product), at=YESTERDAY)
    clock.set("2026-03-09T23:50:00+09:00")
    carry_over()
    clock.set(NOW)
    count(a_view(product), a_cancellation(order, confirmed_at=YESTERDAY), at=NOW)
    assert board("20260309") == {product: 0.1}
    assert board("20260310") == {product: pytest.approx(0.11)}


def test_an_older_order_is_taken_from_what_is_still_carried(clock: Clock, product: str) -> None:
    order = an_order((product, 900, 1000))
    clock.set("2026-03-07T10:00:00+09:00")
    count(order, a_view(product), at="2026-03-07T10:00:00+09:00")
    for day in ("07", "08", "09"):
        clock.set(f"2026-03-{day}T23:50:00+09:00")
        carry_over()
    clock.set(NOW)
    cancelled = envelope_of(a_cancellation(order, confirmed_at="2026-03-07T10:00:00+09:00"), at=NOW)
    assert deliver(cancelled) == deliver(cancelled) == []
    assert board("20260309") == {product: pytest.approx(0.001)}
    assert board("20260310") == {product: pytest.approx(0.0001)}


def test_a_correction_delivered_again_the_next_day_counts_once(clock: Clock, product: str) -> None:
    clock.set(YESTERDAY)
    orders = an_order((product, 900, 1000)), an_order((product, 1, 1000))
    count(*orders, at=YESTERDAY)
    clock.set("2026-03-09T23:50:00+09:00")
    carry_over()
    clock.set(NOW)
    cancelled = envelope_of(a_cancellation(orders[0], confirmed_at=YESTERDAY), at=NOW)
    deliver(cancelled)
    clock.set("2026-03-10T23:50:00+09:00")
    carry_over()
    clock.set("2026-03-11T00:10:00+09:00")
    deliver(cancelled)
    assert board("20260310") == {product: pytest.approx(HONEST / 10)}
    assert board("20260311") == {product: pytest.approx(HONEST / 100)}


def test_a_cancellation_that_comes_first_converges(clock: Clock, product: str) -> None:
    order = an_order((product, 900, 1000))
    count(a_cancellation(order, confirmed_at=NOW), a_view(product), at=NOW)
    assert board("20260310") == board("2026031010") == {product: 0.1}
    count(order, at=NOW)
    assert board("20260310") == board("2026031010") == {product: 0.1}
    count(an_unlike(product, liked_at=NOW), at=NOW)
    assert board("20260310") == {product: 0.1}
    count(a_like(product), at=NOW)
    assert board("20260310") == {product: 0.1}


def test_metrics_correct_the_day_that_counted_it(product: str) -> None:
    order = an_order((product, 3, 1000))
    event = sqs_event(
        *map(
            bus_message,
            [
                envelope_of(order, at=YESTERDAY),
                envelope_of(a_like(product), at=YESTERDAY),
                envelope_of(a_view(product), at=NOW),
                envelope_of(a_cancellation(order, confirmed_at=YESTERDAY), at=NOW),
                envelope_of(an_unlike(product, liked_at=YESTERDAY), at=NOW),
            ],
        )
    )
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}
    found = rows(
        "SELECT views, likes, orders, units, amount FROM product_metrics_daily"
        " WHERE product_id = $1 ORDER BY day",
        product,
    )
    assert [tuple(row) for row in found] == [(0, 0, 0, 0, 0), (1, 0, 0, 0, 0)]


def test_an_old_event_without_the_moment_counts_at_its_own_time(clock: Clock, product: str) -> None:
    order = an_order((product, 3, 1000))
    count(order, at="2026-03-10T09:30:00+09:00")
    cancelled = envelope_of(a_cancellation(order), at=NOW)
    unliked = envelope_of(an_unlike(product), at=NOW)
    del cancelled["data"]["confirmed_at"], unliked["data"]["liked_at"]
    assert deliver(cancelled, unliked) == []
    assert board("2026031009") == {product: round(0.7 * log(3001), 9)}
    assert board("2026031010") == board("20260310") == {}


def test_a_cancelled_part_is_taken_from_the_hour_of_its_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    buyer, product = a_buyer(points=10_000), a_product(stock=10, price=500)
    clock = Clock(monkeypatch, "2026-03-10T10:59:00+09:00")
    order_id = place_an_order(buyer, (product, 5))
    clock.set("2026-03-10T11:00:00+09:00")
    body = {"lines": [{"product_id": product, "quantity": 3}]}
    assert cancel(buyer, order_id, body=body).status == 200
    assert deliver(*recorded(product)) == []
    assert board("2026031010") == board("20260310") == {product: HONEST}
    assert board("2026031011") == {}
    assert cancel(buyer, order_id).status == 200
    assert deliver(*recorded(product)) == []
    assert board("2026031010") == board("20260310") == {}
