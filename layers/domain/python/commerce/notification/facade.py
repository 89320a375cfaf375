"""The use cases of the notification context."""

from uuid import UUID

from commerce.notification.errors import BeingSent
from commerce.notification.model import Progress
from commerce.notification.repository import MailRepository
from commerce.shared import clock


class NotificationFacade:
    """Decides whether an event is to be mailed now; its row is never locked while it is."""

    def __init__(self, mails: MailRepository) -> None:
        self._mails = mails

    def begin(self, event_id: UUID) -> bool:
        """Take the sending of an event's mail; False where it was sent. Raises BeingSent."""
        progress = self._mails.lock_or_open(event_id).progress(clock.now())
        if progress is Progress.BEING_SENT:
            raise BeingSent
        if progress is Progress.TO_SEND:
            self._mails.begin(event_id)
        return progress is Progress.TO_SEND

    def mark_sent(self, event_id: UUID) -> None:
        """Record that the mail service has the mail."""
        self._mails.mark_sent(event_id)

    def release(self, event_id: UUID) -> None:
        """Let the next delivery send it at once, as the mail service refused it."""
        self._mails.release(event_id)
