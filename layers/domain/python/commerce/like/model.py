"""A like: one user's, of one product."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Like:
    """A user's like of a product. Taken back and given again, it is another like."""

    id: UUID
    user_id: UUID
    product_id: UUID
    created_at: datetime
