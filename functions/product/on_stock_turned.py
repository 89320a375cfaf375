"""StockSoldOut, StockReturned -> the products' kept cards, renewed before the shoppers come."""

from collections.abc import Sequence
from typing import Any

from commerce.app.catalogue import catalogue
from commerce.entrypoints.queue import Received, batch_handler
from commerce.product import StockReturned, StockSoldOut


def refresh_cards(received: Sequence[Received[Any]]) -> None:
    catalogue().refresh({str(each.event.product_id) for each in received})


handler = batch_handler([StockSoldOut, StockReturned], refresh_cards)
