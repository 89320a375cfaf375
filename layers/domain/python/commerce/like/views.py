"""Likes as callers see them."""

from commerce.product import ProductView
from commerce.shared.schemas import Timestamp, View


class LikeView(View):
    """Whether the caller likes the product, now."""

    product_id: str
    liked: bool


class LikedProduct(ProductView):
    """A product in the list of what a user likes."""

    liked_at: Timestamp
