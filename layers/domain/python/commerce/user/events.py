"""What happens to users."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event

SOURCE = "commerce.user"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSignedUp(Event):
    """Somebody became a user. Who they are is not told: events are kept by many."""

    source: ClassVar[str] = SOURCE

    user_id: UUID
