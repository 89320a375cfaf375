"""Views, likes and orders -> the products' metrics of the business day they happened on."""

from collections.abc import Sequence
from typing import Any

from commerce.activity import EVENT_TYPES, tallies_of
from commerce.bootstrap import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.metrics import CONSUMER


def add_metrics(shop: Shop, received: Sequence[Received[Any]]) -> None:
    shop.metrics.add(
        [tally for each in received for tally in tallies_of(each.event, each.occurred_at)]
    )


handler = batch_handler(EVENT_TYPES, once_each(CONSUMER, add_metrics))
