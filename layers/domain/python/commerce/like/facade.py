"""The only door to the like context."""

from functools import partial
from uuid import UUID

from commerce.like.model import Like
from commerce.like.repository import LikeRepository
from commerce.like.views import LikeView
from commerce.product import ProductFacade, ProductNotFound
from commerce.shared import clock, cursor
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page


class LikeFacade:
    """Users like products, and change their minds; the nth call does what the first did."""

    def __init__(self, likes: LikeRepository, products: ProductFacade) -> None:
        self._likes = likes
        self._products = products

    def like(self, product_id: str, *, user_id: UUID) -> LikeView:
        """Like a product. Raises ProductNotFound."""
        found = cursor.parse_id(product_id)
        if found is None:
            raise ProductNotFound([product_id])
        self._likes.add(
            Like(clock.new_id(), user_id, found, clock.now()),
            unknown=lambda: ProductNotFound([product_id]),
        )
        return LikeView(product_id=str(found), liked=True)

    def unlike(self, product_id: str, *, user_id: UUID) -> LikeView:
        """Like a product no longer. Raises ProductNotFound."""
        state = self._products.state(product_id)
        self._likes.remove(user_id, state.id)
        return LikeView(product_id=str(state.id), liked=False)

    def newest_of(self, user_id: UUID, *, limit: int, after: str | None) -> Page[Like]:
        """What the user likes, newest first. Raises InvalidCursor."""
        read = partial(self._likes.newest_of, user_id)
        return newest_first(f"likes:{user_id}", after, limit, read, lambda like: like)
