"""An address of a user's address book."""

from dataclasses import dataclass, field
from uuid import UUID

from commerce.shared.postal import PostalAddress

MAX_ADDRESSES = 20  # spec §3.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A place that a user has goods sent to; at most one of theirs is the default."""

    id: UUID
    user_id: UUID
    postal: PostalAddress = field(repr=False)
    is_default: bool
