"""Metric deltas of events: the same for the products' metrics and for the rankings."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from commerce.like import ProductLiked, ProductUnliked
from commerce.metrics import MetricDelta
from commerce.order import OrderCancelled, OrderConfirmed, OrderLinesCancelled
from commerce.product import ProductViewed
from commerce.shared.events import Event


def _of_view(event: Any, at: datetime) -> Iterator[MetricDelta]:
    yield MetricDelta(product_id=event.product_id, at=at, views=1)


def _of_like(event: Any, at: datetime) -> Iterator[MetricDelta]:
    yield MetricDelta(product_id=event.product_id, at=at, likes=1)


def _of_unlike(event: Any, at: datetime) -> Iterator[MetricDelta]:
    yield MetricDelta(product_id=event.product_id, at=event.liked_at or at, likes=-1)


def _of_order(event: Any, at: datetime, sign: int = 1) -> Iterator[MetricDelta]:
    for line in event.lines:
        yield MetricDelta(
            product_id=line.product_id,
            at=event.confirmed_at or at,
            orders=sign,
            units=sign * line.quantity,
            amount=sign * line.unit_price.amount * line.quantity,
        )


def _of_cancellation(event: Any, at: datetime) -> Iterator[MetricDelta]:
    return _of_order(event, at, sign=-1) if event.was_confirmed else iter(())


def _of_cancelled_lines(event: Any, at: datetime) -> Iterator[MetricDelta]:  # noqa: ARG001
    for line in event.lines:
        yield MetricDelta(
            product_id=line.product_id,
            at=event.confirmed_at,
            orders=0 if line.quantity_left else -1,
            units=-line.quantity,
            amount=-line.unit_price.amount * line.quantity,
        )


_DELTAS: dict[type[Event], Callable[[Any, datetime], Iterator[MetricDelta]]] = {
    ProductViewed: _of_view,
    ProductLiked: _of_like,
    ProductUnliked: _of_unlike,
    OrderConfirmed: _of_order,
    OrderCancelled: _of_cancellation,
    OrderLinesCancelled: _of_cancelled_lines,
}

EVENT_TYPES: list[type[Event]] = list(_DELTAS)
"""The events that change a product's counts."""


def metric_deltas_of(event: Event, at: datetime) -> list[MetricDelta]:
    """Return what an event that happened at `at` adds to each of its products.

    What takes something back is counted when that was counted, so that it leaves nothing there; in
    events recorded before they carried that moment, at their own.
    """
    return list(_DELTAS[type(event)](event, at))
