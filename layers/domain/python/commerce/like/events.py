"""Events of likes, recorded by the statement that changes the like.

A like has two events at most: version 1 when it is given, version 2 when it is taken back.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event

SOURCE = "commerce.like"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductLiked(Event):
    """A user likes a product and did not before."""

    source: ClassVar[str] = SOURCE

    user_id: UUID
    product_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductUnliked(Event):
    """A user no longer likes a product."""

    source: ClassVar[str] = SOURCE

    user_id: UUID
    product_id: UUID
    liked_at: datetime | None = None
    """None in events recorded before this field existed."""
