"""Views, likes and orders -> the live boards of the hour and the day they happened in."""

from collections.abc import Sequence
from typing import Any

from commerce.app.product_activity import EVENT_TYPES, metric_deltas_of
from commerce.app.ranking_boards import ranking_weights, write_boards
from commerce.entrypoints.queue import Received, batch_handler
from commerce.ranking import Activity


def count_in_boards(received: Sequence[Received[Any]]) -> None:
    write_boards().add(
        [
            Activity(each.id, each.occurred_at, metric_deltas_of(each.event, each.occurred_at))
            for each in received
        ],
        ranking_weights().get(),
    )


handler = batch_handler(EVENT_TYPES, count_in_boards)
