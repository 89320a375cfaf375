"""StockSoldOut, StockReturned -> refresh the products' summaries in the cache."""

from collections.abc import Sequence
from typing import Any

from commerce.app.catalogue import catalogue
from commerce.entrypoints.queue import Received, batch_handler
from commerce.product import StockReturned, StockSoldOut


def refresh(received: Sequence[Received[Any]]) -> None:
    catalogue().refresh({str(each.event.product_id) for each in received})


handler = batch_handler([StockSoldOut, StockReturned], refresh)
