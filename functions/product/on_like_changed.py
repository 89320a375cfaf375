"""ProductLiked, ProductUnliked -> count the likes, one UPDATE per batch, and refresh the cache."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from commerce.app.catalogue import catalogue
from commerce.app.shop import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.like import ProductLiked, ProductUnliked


def count_and_refresh(received: Sequence[Received[Any]]) -> None:
    count_once(received)
    catalogue().refresh({str(each.event.product_id) for each in received})


def count(shop: Shop, received: Sequence[Received[Any]]) -> None:
    changes = Counter[UUID]()
    for each in received:
        changes[each.event.product_id] += 1 if isinstance(each.event, ProductLiked) else -1
    shop.products.count_likes(changes)


count_once = once_each("like counts", count)
handler = batch_handler([ProductLiked, ProductUnliked], count_and_refresh)
