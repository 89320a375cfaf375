"""The events of points."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PointEvent(Event):
    """A change of a user's points; `balance` is the account's new balance."""

    source: ClassVar[str] = "commerce.point"

    user_id: UUID
    amount: Money
    balance: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCharged(PointEvent):
    """A user charged points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsGranted(PointEvent):
    """Staff gave a user points, or took them: then the amount is negative."""
