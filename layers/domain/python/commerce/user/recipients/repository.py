"""Recipients in PostgreSQL."""

from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.user.addresses import normalized
from commerce.user.recipients.model import Suppression
from commerce.user.views import Recipient

if TYPE_CHECKING:
    from commerce.user.recipients import statements as sql
    from commerce.user.staff import statements as staff_sql
else:
    sql = precompiled("commerce.user.recipients.statements")
    staff_sql = precompiled("commerce.user.staff.statements")


class RecipientRepository:
    """The store of whom a mail may go to."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find(self, user_id: UUID) -> Recipient | None:
        """Return a user, unless they were erased or are suspended."""
        for row in self._uow.read(sql.ONE(user_id=user_id)):
            return Recipient(*row)
        return None

    def takes_mail(self, email: str) -> bool:
        """Return whether an address is not suppressed."""
        return not self._uow.read(sql.IS_SUPPRESSED(address=normalized(email)))

    def suppress(self, email: str, reason: Suppression) -> UUID | None:
        """Mail an address no more; return whose it is, None where it is no account's."""
        address, at = normalized(email), clock.now()
        for row in self._uow.lock(sql.SUPPRESS(address=address, reason=reason.value, at=at)):
            owner: UUID = row.user_id
            return owner
        return None

    def id_of(self, login_id: str) -> UUID | None:
        """Return the id of the user with this login id, whatever its case."""
        for row in self._uow.read(staff_sql.ID_OF_LOGIN(login_id=login_id)):
            found: UUID = row.id
            return found
        return None

    def lift(self, user_id: UUID) -> Suppression | None:
        """Mail a user's address again; return why it was not, None where it was."""
        for row in self._uow.lock(sql.LIFT(user_id=user_id)):
            return Suppression(row.reason)
        return None

    def record(self, change: Change) -> None:
        """Record a change by staff in the audit."""
        audit.record(self._uow, change)
