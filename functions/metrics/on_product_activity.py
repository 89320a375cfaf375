"""Views, likes and orders: add them to the products' metrics of their business day."""

from collections.abc import Sequence
from typing import Any

from commerce.app.product_activity import EVENT_TYPES, metric_deltas_of
from commerce.app.shop import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.metrics import CONSUMER


def add_metrics(shop: Shop, received: Sequence[Received[Any]]) -> None:
    shop.metrics.add(
        [delta for each in received for delta in metric_deltas_of(each.event, each.occurred_at)]
    )


handler = batch_handler(EVENT_TYPES, once_each(CONSUMER, add_metrics))
