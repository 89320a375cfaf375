"""A user, and the limit on failed attempts to sign in."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal, Self, TypeAlias
from uuid import UUID

from commerce.shared.events import Event
from commerce.user.errors import TooManyAttempts
from commerce.user.events import UserSignedUp

Gender: TypeAlias = Literal["MALE", "FEMALE", "OTHER"]

WAITS_SECONDS = (0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60)
"""The wait after the first, second, … failure in a row; the last one applies from then on."""


@dataclass(slots=True, kw_only=True)
class User:
    """A person who may sign in. `version` counts its events."""

    id: UUID
    login_id: str
    password_hash: str = field(repr=False)
    name: str
    email: str
    birth_date: date
    gender: Gender
    scopes: frozenset[str] = frozenset()
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
        )
        user._record_event(UserSignedUp)
        return user

    def _record_event(self, event_class: Callable[..., Event]) -> None:
        self.version += 1
        self.events.append(
            event_class(aggregate_id=self.id, aggregate_version=self.version, user_id=self.id)
        )


@dataclass(slots=True)
class LoginAttempts:
    """The failed logins in a row with one login id, which need not be a user's."""

    failures: int = 0
    blocked_until: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def check(self, now: datetime) -> None:
        """Raise TooManyAttempts while the wait is not over."""
        if now < self.blocked_until:
            raise TooManyAttempts(math.ceil((self.blocked_until - now).total_seconds()))

    def fail(self, now: datetime) -> None:
        """Count a failure, after which the wait is longer."""
        self.failures += 1
        wait_seconds = WAITS_SECONDS[min(self.failures, len(WAITS_SECONDS)) - 1]
        self.blocked_until = now + timedelta(seconds=wait_seconds)

    def succeed(self) -> None:
        """Forget the failures."""
        self.failures = 0
