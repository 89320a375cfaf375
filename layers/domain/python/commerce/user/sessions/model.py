"""A session: what keeps a user signed in on a device, and its chain of refresh tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Self
from uuid import UUID

# spec §3.2, as are all limits here
LIFETIME = timedelta(days=30)  # since the last refresh
REPEATABLE_FOR = timedelta(seconds=10)  # a refresh whose answer was lost, or a second tab
MAX_SESSIONS = 50  # of a user; the one that was used longest ago ends first


class Refresh(Enum):
    """The meaning of a refresh token that was received."""

    NEXT = "next"
    REPEATED = "repeated"
    REUSED = "reused"


@dataclass(slots=True, kw_only=True)
class Session:
    """A session. Each refresh token has a number; only the last one is good.

    `epoch` is the user's epoch that the session's access tokens have. Whatever raises the user's
    epoch decides for each session: it ends, its tokens end, or (where the user changed their own
    password with it) they stay good.
    """

    id: UUID
    user_id: UUID
    epoch: int
    user_agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    generation: int = 0

    @classmethod
    def opened(cls, id_: UUID, user_id: UUID, epoch: int, user_agent: str, at: datetime) -> Self:
        """Open a session at this moment."""
        return cls(
            id=id_,
            user_id=user_id,
            epoch=epoch,
            user_agent=user_agent,
            created_at=at,
            used_at=at,
            expires_at=at + LIFETIME,
        )

    def refresh(self, generation: int, epoch: int, at: datetime) -> Refresh:
        """Take a refresh token with this number; the next one is good from now on.

        The token before the last one is good, too, for as long as its refresh is repeatable. Any
        other was used before, perhaps by a thief: the session must end.
        """
        if generation == self.generation:
            self.generation += 1
            self.epoch, self.used_at, self.expires_at = epoch, at, at + LIFETIME
            return Refresh.NEXT
        if generation == self.generation - 1 and at - self.used_at <= REPEATABLE_FOR:
            return Refresh.REPEATED
        return Refresh.REUSED
