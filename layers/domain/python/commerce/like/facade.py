"""The like context's facade."""

from functools import partial
from uuid import UUID

from commerce.like.model import Like
from commerce.like.repository import LikeRepository
from commerce.like.views import LikeView
from commerce.runtime.db.unit_of_work import ErrorFactory
from commerce.shared import clock
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page


class LikeFacade:
    """Users like products and take likes back; repeating either changes nothing."""

    def __init__(self, likes: LikeRepository) -> None:
        self._likes = likes

    def like(
        self, product_id: UUID, *, user_id: UUID, on_unknown_product: ErrorFactory
    ) -> LikeView:
        """Like a product. Raises the given error on commit if there is no such product."""
        like = Like(clock.new_id(), user_id, product_id, clock.now())
        self._likes.add(like, on_unknown_product=on_unknown_product)
        return LikeView(product_id=str(product_id), liked=True)

    def unlike(self, product_id: UUID, *, user_id: UUID) -> LikeView:
        """Take back the user's like of a product, if there is one."""
        self._likes.remove(user_id, product_id)
        return LikeView(product_id=str(product_id), liked=False)

    def erase_user(self, user_id: UUID) -> None:
        """Take back all likes of a user."""
        self._likes.remove_all(user_id)

    def newest_of(self, user_id: UUID, *, limit: int, after: str | None) -> Page[Like]:
        """List a user's likes, newest first. Raises InvalidCursor."""
        read = partial(self._likes.newest_of, user_id)
        return newest_first(f"likes:{user_id}", after, limit, read, lambda like: like)
