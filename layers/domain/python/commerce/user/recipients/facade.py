"""The use cases of recipients."""

from uuid import UUID

from commerce.runtime.audit import Change
from commerce.user.errors import UserNotFound
from commerce.user.recipients.model import Suppression
from commerce.user.recipients.repository import RecipientRepository
from commerce.user.views import Recipient


class RecipientFacade:
    """Decides whom a mail may go to."""

    def __init__(self, recipients: RecipientRepository) -> None:
        self._recipients = recipients

    def of(self, user_id: UUID) -> Recipient | None:
        """Return a user with their address now; None where they are mailed nothing.

        Erased and suspended users are mailed nothing, nor are addresses that bounced or complained.
        """
        found = self._recipients.find(user_id)
        return found if found and self._recipients.takes_mail(found.email) else None

    def suppress(self, email: str, reason: Suppression) -> UUID | None:
        """Mail an address no more; return whose it is. Nothing is kept of a stranger's."""
        return self._recipients.suppress(email, reason)

    def lift_by_login(self, login_id: str, *, by: str) -> Suppression | None:
        """Mail a user's address again; return why it was not. Raises UserNotFound."""
        user_id = self._recipients.id_of(login_id)
        if user_id is None:
            raise UserNotFound
        lifted = self._recipients.lift(user_id)
        if lifted is not None:
            before, after = {"suppressed": lifted.value}, {"suppressed": None}
            self._recipients.record(Change(by, "mail again", user_id, before, after))
        return lifted
