"""The events of users."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event

SOURCE = "commerce.user"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSignedUp(Event):
    """A user signed up. It carries no personal data, since many systems store events."""

    source: ClassVar[str] = SOURCE

    user_id: UUID
