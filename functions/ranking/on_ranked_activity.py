"""Views, likes and orders -> the live boards of the hour and the day they happened in."""

from collections.abc import Sequence
from typing import Any

from commerce.activity import EVENT_TYPES, tallies_of
from commerce.bootstrap import counting_boards, ranking_weights
from commerce.entrypoints.queue import Received, batch_handler
from commerce.ranking import Activity


def count_in_boards(received: Sequence[Received[Any]]) -> None:
    counting_boards().add(
        [
            Activity(each.id, each.occurred_at, tallies_of(each.event, each.occurred_at))
            for each in received
        ],
        ranking_weights().get(),
    )


handler = batch_handler(EVENT_TYPES, count_in_boards)
