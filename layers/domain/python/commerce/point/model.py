"""A point account, which is never overdrawn, and the entries of its ledger."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from commerce.point.errors import InsufficientPoints
from commerce.point.events import PointsCharged, PointsGranted
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
        """Make the account of a user who never charged points."""
        return cls(user_id, Money.zero(), 0)

    def charge(self, amount: Money) -> None:
        """Add points to the account."""
        self._change(_positive(amount))
        self._record_event(PointsCharged, amount=amount, balance=self.balance)

    def grant(self, amount: Money) -> None:
        """Add points, or take them where the amount is negative.

        Raises InsufficientPoints, and then changes nothing.
        """
        if (self.balance + amount).amount < 0:
            raise InsufficientPoints(required=-amount, available=self.balance)
        self._change(amount)
        self._record_event(PointsGranted, amount=amount, balance=self.balance)

    def spend(self, amount: Money) -> None:
        """Take points from the account. Raises InsufficientPoints, and then changes nothing."""
        if self.balance < _positive(amount):
            raise InsufficientPoints(required=amount, available=self.balance)
        self._change(-amount)

    def _change(self, amount: Money) -> None:
        self.balance += amount
        self.version += 1

    def _record_event(self, event_class: Callable[..., Event], **data: Any) -> None:
        self.events.append(
            event_class(
                aggregate_id=self.user_id,
                aggregate_version=self.version,
                user_id=self.user_id,
                **data,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One change of an account: positive amounts were added, negative ones were taken."""

    id: UUID
    user_id: UUID
    amount: Money
    reason: str
    at: datetime
    order_id: UUID | None = None
    charge_id: UUID | None = None
    position: int = 0
    """Its place in the ledger: the account's version after it. 0 until it is stored, and in entries
    from before there were positions."""
    balance_after: Money | None = None
    """The balance that it led to; None as long as the position is 0."""


class ChargeStatus(StrEnum):
    """The states of a charge. A FAILED one was not paid, or what was paid is refunded."""

    PENDING = "PENDING"
    CREDITED = "CREDITED"
    FAILED = "FAILED"


@dataclass(slots=True, kw_only=True)
class Charge:
    """A user's wish for points: PENDING until it is paid, and credited once."""

    id: UUID
    user_id: UUID
    amount: Money
    requested_at: datetime
    status: ChargeStatus = ChargeStatus.PENDING
    version: int = 1

    def end(self, status: ChargeStatus) -> bool:
        """Credit it or let it fail; return False if it has ended before."""
        if self.status is not ChargeStatus.PENDING:
            return False
        self.status = status
        self.version += 1
        return True


def _positive(amount: Money) -> Money:
    if amount.amount < 1:
        raise ValueError(f"an amount of points is at least 1, not {amount.amount}")
    return amount
