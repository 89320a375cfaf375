"""A like: one user's, of one product. It is there or it is not; saying so twice changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Like:
    """Since when a user likes a product. Taken back and given again, it is another like."""

    id: UUID
    user_id: UUID
    product_id: UUID
    created_at: datetime
