"""Likes of products."""

from functools import partial
from uuid import UUID

from commerce.app.shop import Shop
from commerce.like import LikeView
from commerce.product import ProductNotFound
from commerce.shared import cursor


def like_product(shop: Shop, product_id: str, *, user_id: UUID) -> LikeView:
    """Like a product; repeated, it changes nothing. Raises ProductNotFound."""
    found = cursor.parse_id(product_id)
    if found is None:
        raise ProductNotFound([product_id])
    not_found = partial(ProductNotFound, [product_id])
    shop.products.require_visible(found)
    return shop.likes.like(found, user_id=user_id, on_unknown_product=not_found)


def unlike_product(shop: Shop, product_id: str, *, user_id: UUID) -> LikeView:
    """Take back a like; repeated, it changes nothing. Raises ProductNotFound."""
    return shop.likes.unlike(shop.products.state(product_id).id, user_id=user_id)
