"""Views, likes and orders: count them on the live boards of their hour and day."""

from collections.abc import Sequence
from typing import Any

from commerce.app.product_activity import EVENT_TYPES, metric_deltas_of
from commerce.app.ranking_boards import ranking_weights, write_boards
from commerce.entrypoints.queue import Received, batch_handler
from commerce.ranking import Activity, ProductDelta


def count_in_boards(received: Sequence[Received[Any]]) -> None:
    write_boards().add([_activity(each) for each in received], ranking_weights().get())


def _activity(received: Received[Any]) -> Activity:
    deltas = metric_deltas_of(received.event, received.occurred_at)
    return Activity(
        received.id,
        deltas[0].at if deltas else received.occurred_at,
        [ProductDelta(each.product_id, each.views, each.likes, each.amount) for each in deltas],
        received.occurred_at,
    )


handler = batch_handler(EVENT_TYPES, count_in_boards)
