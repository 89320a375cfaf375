"""What an event adds to its products: the same for their metrics as for their rankings."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from commerce.like import ProductLiked, ProductUnliked
from commerce.metrics import Tally
from commerce.order import OrderCancelled, OrderConfirmed
from commerce.product import ProductViewed
from commerce.shared.events import Event


def _of_view(event: Any, at: datetime) -> Iterator[Tally]:
    yield Tally(product_id=event.product_id, at=at, views=1)


def _of_like(event: Any, at: datetime) -> Iterator[Tally]:
    yield Tally(product_id=event.product_id, at=at, likes=1)


def _of_unlike(event: Any, at: datetime) -> Iterator[Tally]:
    yield Tally(product_id=event.product_id, at=at, likes=-1)


def _of_order(event: Any, at: datetime, sign: int = 1) -> Iterator[Tally]:
    for line in event.lines:
        yield Tally(
            product_id=line.product_id,
            at=at,
            orders=sign,
            units=sign * line.quantity,
            amount=sign * line.unit_price.amount * line.quantity,
        )


def _of_cancellation(event: Any, at: datetime) -> Iterator[Tally]:
    return _of_order(event, at, sign=-1) if event.was_confirmed else iter(())


_TALLIES: dict[type[Event], Callable[[Any, datetime], Iterator[Tally]]] = {
    ProductViewed: _of_view,
    ProductLiked: _of_like,
    ProductUnliked: _of_unlike,
    OrderConfirmed: _of_order,
    OrderCancelled: _of_cancellation,
}

EVENT_TYPES: list[type[Event]] = list(_TALLIES)
"""The events that add something."""


def tallies_of(event: Event, at: datetime) -> list[Tally]:
    """What the event, told of the moment `at`, adds to each of its products."""
    return list(_TALLIES[type(event)](event, at))
