"""Likes in PostgreSQL."""

from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from commerce.like.model import Like
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock, trace

if TYPE_CHECKING:
    from commerce.like import statements as sql
else:
    sql = precompiled("commerce.like.statements")


class LikeRepository(Protocol):
    """The store of likes."""

    def add(self, like: Like, *, on_unknown_product: ErrorFactory) -> None:
        """Store the like with its event, unless the user likes the product already."""

    def remove(self, user_id: UUID, product_id: UUID) -> None:
        """Remove the user's like of the product, and record the event, if there is one."""

    def remove_all(self, user_id: UUID) -> None:
        """Remove all likes of a user, and record an event for each."""

    def newest_of(self, user_id: UUID, before: UUID, limit: int) -> list[Like]:
        """Find a user's likes older than `before`, newest first."""


class SqlLikeRepository:
    """The likes in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, like: Like, *, on_unknown_product: ErrorFactory) -> None:
        self._uow.write_returning_events(
            sql.ADD(
                user_id=like.user_id,
                product_id=like.product_id,
                id=like.id,
                at=like.created_at,
                event_id=clock.new_id(),
                type="ProductLiked",
                version=1,
                trace_id=trace.trace_id(),
            ),
            {"like_of_a_product": on_unknown_product},
        )

    def remove(self, user_id: UUID, product_id: UUID) -> None:
        self._uow.write_returning_events(
            sql.REMOVE(
                user_id=user_id,
                product_id=product_id,
                at=clock.now(),
                event_id=clock.new_id(),
                type="ProductUnliked",
                version=2,
                trace_id=trace.trace_id(),
            )
        )

    def remove_all(self, user_id: UUID) -> None:
        liked = self._uow.read(sql.LIKED(user_id=user_id))
        removed = [
            {"product_id": str(row.product_id), "event_id": str(clock.new_id())} for row in liked
        ]
        self._uow.write_returning_events(
            sql.REMOVE_ALL(
                user_id=user_id,
                rows=removed,
                at=clock.now(),
                type="ProductUnliked",
                version=2,
                trace_id=trace.trace_id(),
            )
        )

    def newest_of(self, user_id: UUID, before: UUID, limit: int) -> list[Like]:
        found = self._uow.read(sql.NEWEST(user_id=user_id, before=before, limit=limit))
        return [Like(row.id, row.user_id, row.product_id, row.created_at) for row in found]
