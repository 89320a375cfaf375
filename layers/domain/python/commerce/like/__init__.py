"""Likes: who likes which product."""

from commerce.like.events import ProductLiked, ProductUnliked
from commerce.like.facade import LikeFacade
from commerce.like.views import LikedProduct, LikeView

__all__ = ["LikeFacade", "LikeView", "LikedProduct", "ProductLiked", "ProductUnliked"]
