"""ProductLiked, ProductUnliked -> the products' like counts, one UPDATE per batch."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from commerce.app.catalogue import catalogue
from commerce.app.shop import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.like import ProductLiked, ProductUnliked


def count_and_show(received: Sequence[Received[Any]]) -> None:
    count(received)
    catalogue().refresh({str(each.event.product_id) for each in received})


def add_up(shop: Shop, received: Sequence[Received[Any]]) -> None:
    changes = Counter[UUID]()
    for each in received:
        changes[each.event.product_id] += 1 if isinstance(each.event, ProductLiked) else -1
    shop.products.count_likes(changes)


count = once_each("like counts", add_up)
handler = batch_handler([ProductLiked, ProductUnliked], count_and_show)
