"""A token that is mailed, and good once."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

MAILS_PER_HOUR = 3  # spec §7.5, of a purpose to one user; further ones are not sent
WINDOW = timedelta(hours=1)


class Purpose(StrEnum):
    """The use of a token."""

    VERIFICATION = "VERIFICATION"
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105
    EMAIL_CHANGED = "EMAIL_CHANGED"
    """A notice, which has no token and goes to the address that a user had before."""
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105
    """A notice to the address that the user had when it happened."""

    @property
    def lifetime(self) -> timedelta:
        """The time for which a token is good (spec §7.5)."""
        return timedelta(hours=1) if self is Purpose.PASSWORD_RESET else timedelta(days=1)


@dataclass(frozen=True, slots=True)
class MailToken:
    """The stored part of a token, of which the token itself cannot be made.

    Without a user nothing is mailed: somebody asked for an address that no account has, or too
    often.
    """

    id: UUID
    user_id: UUID | None
    purpose: Purpose
    created_at: datetime
    expires_at: datetime
    former_email: str | None = field(default=None, repr=False)

    @classmethod
    def made(cls, id_: UUID, user_id: UUID | None, purpose: Purpose, now: datetime) -> Self:
        """Make a token that is good from now on."""
        return cls(id_, user_id, purpose, now, now + purpose.lifetime)
