"""Mailed tokens in PostgreSQL."""

from typing import TYPE_CHECKING
from uuid import UUID

from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.events import Event
from commerce.user.addresses import normalized
from commerce.user.mail_tokens import signing
from commerce.user.mail_tokens.errors import MailTokenExpired
from commerce.user.mail_tokens.model import WINDOW, MailToken, Purpose
from commerce.user.mail_tokens.views import TokenRecipient
from commerce.user.recipients.repository import RecipientRepository

if TYPE_CHECKING:
    from commerce.user.mail_tokens import statements as sql
else:
    sql = precompiled("commerce.user.mail_tokens.statements")


class MailTokenRepository:
    """The store of mailed tokens."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def add(self, token: MailToken, event: Event) -> None:
        """Store a new token, and the event that has it mailed."""
        self._uow.write(
            sql.ADD(
                id=token.id,
                user_id=token.user_id,
                former_email=token.former_email,
                purpose=token.purpose.value,
                created_at=token.created_at,
                expires_at=token.expires_at,
            )
        )
        self._uow.record(event)

    def recent(self, user_id: UUID, purpose: Purpose) -> int:
        """Return how many tokens a user was mailed within the last hour."""
        since = clock.now() - WINDOW
        [row] = self._uow.read(sql.RECENT(user_id=user_id, purpose=purpose.value, since=since))
        return int(row[0])

    def of_user(self, user_id: UUID, before: UUID, limit: int) -> list[MailToken]:
        """Return a user's tokens and notices with a smaller id, the newest first."""
        found = self._uow.read(sql.OF_USER(user_id=user_id, before=before, limit=limit))
        return [MailToken(**row._asdict() | {"purpose": Purpose(row.purpose)}) for row in found]

    def lock_owner(self, email: str, purpose: Purpose) -> tuple[UUID | None, int]:
        """Return whose address this is, its claim locked, and what they were mailed lately.

        It takes the same statements whether the address is an account's or not.
        """
        address, since = normalized(email), clock.now() - WINDOW
        owners, [recent] = self._uow.lock_together(
            sql.LOCK_OWNER(address=address),
            sql.RECENT_OF_ADDRESS(address=address, purpose=purpose.value, since=since),
        )
        return (owners[0].user_id if owners else None), int(recent[0])

    def is_good(self, token_id: UUID, purpose: Purpose) -> bool:
        """Return whether a token has an owner, and has neither been used nor expired."""
        good = sql.IS_GOOD(token_id=token_id, purpose=purpose.value, now=clock.now())
        return bool(self._uow.read(good))

    def recipient(self, token_id: UUID, purpose: Purpose) -> TokenRecipient | None:
        """Return to whom a good token is mailed, with its mailed form.

        None also where the user is suspended, or their address takes no mail.
        """
        found = self._uow.read(
            sql.RECIPIENT(token_id=token_id, purpose=purpose.value, now=clock.now())
        )
        for row in found:
            if RecipientRepository(self._uow).takes_mail(row.email):
                token = signing.signed(token_id, row.id, purpose)
                return TokenRecipient(row.email, row.login_id, token)
        return None

    def use(self, token_id: UUID, user_id: UUID, purpose: Purpose) -> None:
        """End all of a user's tokens of that purpose, of which this one must be good.

        Raises MailTokenExpired, on commit at the latest.
        """
        self._uow.write(
            sql.USE(token_id=token_id, user_id=user_id, purpose=purpose.value, now=clock.now()),
            {"mail_token_good": MailTokenExpired},
        )
