"""ProductLiked, ProductUnliked -> the products' like counts, one UPDATE per batch."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from commerce.bootstrap import Shop
from commerce.entrypoints.queue import Received, batch_handler, once_each
from commerce.like import ProductLiked, ProductUnliked


def count_likes(shop: Shop, received: Sequence[Received[Any]]) -> None:
    changes = Counter[UUID]()
    for each in received:
        changes[each.event.product_id] += 1 if isinstance(each.event, ProductLiked) else -1
    shop.products.count_likes(changes)


handler = batch_handler([ProductLiked, ProductUnliked], once_each("like counts", count_likes))
