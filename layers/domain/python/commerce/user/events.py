"""The events of users. They carry ids and no personal data."""

from dataclasses import dataclass
from typing import ClassVar, Self
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.languages import Language

SOURCE = "commerce.user"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSignedUp(Event):
    """A user signed up. It carries no personal data, since many systems store events."""

    source: ClassVar[str] = SOURCE

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UserErased(Event):
    """A user was erased; consumers delete what they keep about this id."""

    source: ClassVar[str] = SOURCE

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class MailEvent(Event):
    """A token or a notice is to be mailed; whose it is, if anybody's, is in the database."""

    source: ClassVar[str] = SOURCE

    token_id: UUID
    language: Language

    @classmethod
    def of(cls, token_id: UUID, language: Language) -> Self:
        """Make the one event of a token."""
        return cls(aggregate_id=token_id, aggregate_version=1, token_id=token_id, language=language)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailVerificationRequested(MailEvent):
    """A user asked for a mail that proves that an address is theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordResetRequested(MailEvent):
    """Somebody asked for a mail with which a forgotten password is replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(MailEvent):
    """A user has another password; their address is to be mailed a notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(MailEvent):
    """A user has another address; the one before is to be mailed a notice."""
