"""Events of likes, recorded by the statement that changes the like.

A like has two events at most: version 1 when it is given, version 2 when it is taken back.
"""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.schemas import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeEvent(Event):
    """An event of one user's like of one product."""

    source: ClassVar[str] = "commerce.like"

    user_id: UUID
    product_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLiked(LikeEvent):
    """A user likes a product and did not before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductUnliked(LikeEvent):
    """A user no longer likes a product."""

    liked_at: Moment | None = None
    """None in events recorded before this field existed."""
