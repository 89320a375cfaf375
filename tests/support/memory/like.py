"""Likes in memory: what a write changes, the next read sees."""

from collections.abc import Collection
from uuid import UUID

from commerce.like.model import Like
from commerce.runtime.db.connection import ConstraintViolated
from commerce.runtime.db.unit_of_work import ErrorFactory


class MemoryLikeRepository:
    """Implements commerce.like.repository.LikeRepository without a database."""

    def __init__(self, product_ids: Collection[UUID]) -> None:
        self._product_ids = product_ids
        self._likes: dict[tuple[UUID, UUID], Like] = {}
        self.events: list[str] = []

    def add(self, like: Like, *, on_unknown_product: ErrorFactory) -> None:
        if like.product_id not in self._product_ids:
            raise on_unknown_product() or ConstraintViolated("like_of_a_product")
        if (like.user_id, like.product_id) not in self._likes:
            self._likes[like.user_id, like.product_id] = like
            self.events.append("ProductLiked")

    def remove(self, user_id: UUID, product_id: UUID) -> None:
        if self._likes.pop((user_id, product_id), None):
            self.events.append("ProductUnliked")

    def remove_all(self, user_id: UUID) -> None:
        for owner, product_id in list(self._likes):
            if owner == user_id:
                self.remove(user_id, product_id)

    def newest_of(self, user_id: UUID, before: UUID, limit: int) -> list[Like]:
        mine = [each for each in self._likes.values() if each.user_id == user_id]
        older = [each for each in mine if each.id < before]
        return sorted(older, key=lambda each: each.id, reverse=True)[:limit]
