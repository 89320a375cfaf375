"""Likes in PostgreSQL."""

from typing import Protocol
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, bindparam, select, text

from commerce.like.model import Like
from commerce.like.tables import product_like_table
from commerce.shared import clock, trace
from commerce.shared.database import Statement
from commerce.shared.unit_of_work import Explain, UnitOfWork

_l = product_like_table.c

# Whether a like is new is known to the statement alone, so it tells the event too.
_TELL = """
    INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,
        trace_id, data)
    SELECT CAST(:event_id AS uuid), 'commerce.like', CAST(:type AS text),
        CAST(:at AS timestamptz), id, CAST(:version AS bigint), CAST(:trace_id AS text),
        jsonb_build_object('user_id', user_id, 'product_id', product_id)
    FROM changed
    RETURNING id
"""
_ADD = Statement(
    text(f"""
    WITH changed AS (
        INSERT INTO product_like (user_id, product_id, id, created_at)
        VALUES (:user_id, :product_id, :id, :at)
        ON CONFLICT DO NOTHING
        RETURNING id, user_id, product_id
    ) {_TELL}
    """)  # noqa: S608  (the text is ours)
)
_REMOVE = Statement(
    text(f"""
    WITH changed AS (
        DELETE FROM product_like WHERE user_id = :user_id AND product_id = :product_id
        RETURNING id, user_id, product_id
    ) {_TELL}
    """)  # noqa: S608
)
_NEWEST = Statement(
    select(_l.id, _l.user_id, _l.product_id, _l.created_at)
    .where(_l.user_id == bindparam("user_id", type_=Uuid), _l.id < bindparam("before", type_=Uuid))
    .order_by(_l.id.desc())
    .limit(bindparam("limit", type_=BigInteger))
)


class LikeRepository(Protocol):
    """Where likes are kept."""

    def add(self, like: Like, *, unknown: Explain) -> None:
        """Keep the like unless there is one; tell it if it is new. `unknown`: no such product."""

    def remove(self, user_id: UUID, product_id: UUID) -> None:
        """Remove the user's like of the product, and tell it, if there is one."""

    def newest_of(self, user_id: UUID, before: UUID, limit: int) -> list[Like]:
        """A user's likes older than `before`, newest first."""


class SqlLikeRepository:
    """The likes of the database."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, like: Like, *, unknown: Explain) -> None:
        self._uow.write_telling(
            _ADD(
                user_id=like.user_id,
                product_id=like.product_id,
                id=like.id,
                at=like.created_at,
                event_id=clock.new_id(),
                type="ProductLiked",
                version=1,
                trace_id=trace.trace_id(),
            ),
            {"like_of_a_product": unknown},
        )

    def remove(self, user_id: UUID, product_id: UUID) -> None:
        self._uow.write_telling(
            _REMOVE(
                user_id=user_id,
                product_id=product_id,
                at=clock.now(),
                event_id=clock.new_id(),
                type="ProductUnliked",
                version=2,
                trace_id=trace.trace_id(),
            )
        )

    def newest_of(self, user_id: UUID, before: UUID, limit: int) -> list[Like]:
        found = self._uow.read(_NEWEST(user_id=user_id, before=before, limit=limit))
        return [Like(row.id, row.user_id, row.product_id, row.created_at) for row in found]
