"""Views, likes and orders -> the products' metrics of the business day they happened on."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from commerce.bootstrap import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.like import ProductLiked, ProductUnliked
from commerce.metrics import Tally
from commerce.order import OrderCancelled, OrderConfirmed
from commerce.product import ProductViewed

R = Received[Any]


def of_view(received: R) -> Iterator[Tally]:
    yield Tally(product_id=received.event.product_id, at=received.occurred_at, views=1)


def of_like(received: R) -> Iterator[Tally]:
    yield Tally(product_id=received.event.product_id, at=received.occurred_at, likes=1)


def of_unlike(received: R) -> Iterator[Tally]:
    yield Tally(product_id=received.event.product_id, at=received.occurred_at, likes=-1)


def of_order(received: R, sign: int = 1) -> Iterator[Tally]:
    for line in received.event.lines:
        yield Tally(
            product_id=line.product_id,
            at=received.occurred_at,
            orders=sign,
            units=sign * line.quantity,
            amount=sign * line.unit_price.amount * line.quantity,
        )


def of_cancellation(received: R) -> Iterator[Tally]:
    return of_order(received, sign=-1) if received.event.was_confirmed else iter(())


TALLIES: dict[type, Callable[[R], Iterator[Tally]]] = {
    ProductViewed: of_view,
    ProductLiked: of_like,
    ProductUnliked: of_unlike,
    OrderConfirmed: of_order,
    OrderCancelled: of_cancellation,
}


def add_metrics(shop: Shop, received: Sequence[R]) -> None:
    shop.metrics.add([tally for each in received for tally in TALLIES[type(each.event)](each)])


handler = batch_handler(list(TALLIES), once_each("product metrics", add_metrics))
