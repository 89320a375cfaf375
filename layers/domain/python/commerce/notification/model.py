"""A mail, and how far its sending is."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

LEASE = timedelta(seconds=60)  # longer than a sending takes
"""After it, a sending that was begun and not ended is taken for one whose function died."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail to one person, as text and as HTML. It is personal, and shown in no log line."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


class Progress(Enum):
    """The progress of an event's mail."""

    TO_SEND = "to send"
    BEING_SENT = "being sent"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class Sending:
    """The moments at which an event's mail was begun, and sent."""

    begun_at: datetime | None = None
    sent_at: datetime | None = None

    def progress(self, now: datetime) -> Progress:
        """Return what is to be done about it."""
        if self.sent_at is not None:
            return Progress.SENT
        if self.begun_at is not None and now - self.begun_at < LEASE:
            return Progress.BEING_SENT
        return Progress.TO_SEND
