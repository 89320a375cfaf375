"""A point account that only ever spends what it has, and the ledger that says why."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Self
from uuid import UUID

from commerce.point.errors import InsufficientPoints
from commerce.point.events import PointsCharged
from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(slots=True)
class PointAccount:
    """One user's points. The balance is never negative; every change makes a new version."""

    user_id: UUID
    balance: Money
    version: int
    events: list[Event] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def empty(cls, user_id: UUID) -> Self:
        """The account of somebody who never charged."""
        return cls(user_id, Money.zero(), 0)

    def charge(self, amount: Money) -> None:
        """Put points on the account."""
        self._move(_positive(amount))
        self.events.append(
            PointsCharged(
                aggregate_id=self.user_id,
                aggregate_version=self.version,
                user_id=self.user_id,
                amount=amount,
                balance=self.balance,
            )
        )

    def spend(self, amount: Money) -> None:
        """Take points. Raises InsufficientPoints, and changes nothing, where there are too few."""
        if self.balance < _positive(amount):
            raise InsufficientPoints(required=amount, available=self.balance)
        self._move(-amount)

    def _move(self, change: Money) -> None:
        self.balance += change
        self.version += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One change of an account: positive came, negative went. Never altered."""

    id: UUID
    user_id: UUID
    amount: Money
    reason: str
    order_id: UUID | None
    at: datetime


def _positive(amount: Money) -> Money:
    if amount.amount < 1:
        raise ValueError(f"an amount of points is at least 1, not {amount.amount}")
    return amount
