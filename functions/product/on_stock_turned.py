"""Stock or a drop has turned a product's availability -> refresh its summary in the cache."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from commerce.app.catalogue import catalogue
from commerce.app.transactions import in_transaction
from commerce.drop import DropFacade
from commerce.drop.events import DropCancelled, DropClosed, DropPublished
from commerce.entrypoints.queue import Received, batch_handler
from commerce.product import StockReturned, StockSoldOut


def refresh(received: Sequence[Received[Any]]) -> None:
    catalogue().refresh({str(id_) for each in received for id_ in _products_of(each.event)})


def _products_of(event: Any) -> Sequence[UUID]:
    if isinstance(event, StockSoldOut | StockReturned):
        return [event.product_id]
    return in_transaction(DropFacade.products_of, event.drop_id)


handler = batch_handler(
    [StockSoldOut, StockReturned, DropPublished, DropClosed, DropCancelled], refresh
)
