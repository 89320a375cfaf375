"""The events of points."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.point"


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsCharged(Event):
    """A user charged points; `balance` is the account's new balance."""

    source: ClassVar[str] = SOURCE

    user_id: UUID
    amount: Money
    balance: Money
