"""A user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Self, TypeAlias
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.languages import Language
from commerce.user.events import UserSignedUp

Gender: TypeAlias = Literal["MALE", "FEMALE", "OTHER"]


@dataclass(slots=True, kw_only=True)
class User:
    """A person who may sign in. `version` counts what they edited, and the events.

    `epoch` counts what makes access tokens outdated: changes of password or scopes, suspensions.
    """

    id: UUID
    login_id: str
    password_hash: str = field(repr=False)
    name: str
    email: str
    birth_date: date
    gender: Gender
    language: Language = "en"
    email_verified: bool = False
    scopes: frozenset[str] = frozenset()
    epoch: int = 0
    is_suspended: bool = False
    version: int = 0
    events: list[Event] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def signed_up(
        cls,
        *,
        id_: UUID,
        login_id: str,
        password_hash: str,
        name: str,
        email: str,
        birth_date: date,
        gender: Gender,
        language: Language,
    ) -> Self:
        """Make a new user without any scope."""
        user = cls(
            id=id_,
            login_id=login_id,
            password_hash=password_hash,
            name=name,
            email=email,
            birth_date=birth_date,
            gender=gender,
            language=language,
        )
        user._record_event(UserSignedUp)
        return user

    @property
    def personal(self) -> tuple[str, str, str]:
        """The words that a password must not be made of."""
        return self.login_id, self.name, self.email

    def edit(self, changes: Mapping[str, str]) -> bool:
        """Replace what a user may edit; return False where all of it stays as it is."""
        if all(getattr(self, name) == value for name, value in changes.items()):
            return False
        for name, value in changes.items():
            setattr(self, name, value)
        self.version += 1
        return True

    def change_password(self, password_hash: str) -> None:
        """Replace the password; access tokens of other sessions are outdated."""
        self.password_hash = password_hash
        self.epoch += 1

    def _record_event(self, event_class: Callable[..., Event]) -> None:
        self.version += 1
        self.events.append(
            event_class(aggregate_id=self.id, aggregate_version=self.version, user_id=self.id)
        )
