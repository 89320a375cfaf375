"""Likes of products by users."""

from commerce.like.events import ProductLiked, ProductUnliked
from commerce.like.facade import LikeFacade
from commerce.like.repository import SqlLikeRepository
from commerce.like.views import LikeView

__all__ = ["LikeFacade", "LikeView", "ProductLiked", "ProductUnliked", "SqlLikeRepository"]
