"""Mails in PostgreSQL."""

from typing import TYPE_CHECKING
from uuid import UUID

from commerce.notification.model import Sending
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock

if TYPE_CHECKING:
    from commerce.notification import statements as sql
else:
    sql = precompiled("commerce.notification.statements")


class MailRepository:
    """The store of what was mailed."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def lock_or_open(self, event_id: UUID) -> Sending:
        """Return how far an event's mail is, its row locked; a new row is begun now."""
        opened, [row] = self._uow.lock_together(
            sql.OPEN(id_of_event=event_id, at=clock.now()), sql.LOCK(id_of_event=event_id)
        )
        return Sending() if opened else Sending(row.begun_at, row.sent_at)

    def begin(self, event_id: UUID) -> None:
        """Record that a locked mail is being sent from now on."""
        self._uow.write(sql.BEGIN(id_of_event=event_id, at=clock.now()))

    def mark_sent(self, event_id: UUID) -> None:
        """Record that a mail was sent."""
        self._uow.write(sql.MARK_SENT(id_of_event=event_id, at=clock.now()))

    def release(self, event_id: UUID) -> None:
        """Forget that a mail was begun, which certainly was not sent."""
        self._uow.write(sql.RELEASE(id_of_event=event_id))
