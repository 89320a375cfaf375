"""The events of payments."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money

SOURCE = "commerce.payment"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequested(Event):
    """A payment by card was recorded; the request to the gateway follows."""

    source: ClassVar[str] = SOURCE

    payment_id: UUID
    order_id: UUID
    user_id: UUID
    amount: Money
    card_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded(Event):
    """The card was charged."""

    source: ClassVar[str] = SOURCE

    payment_id: UUID
    order_id: UUID
    user_id: UUID
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(Event):
    """The card was not charged, and will not be.

    Where `is_declined` is false, the gateway never took the payment: the order can still be paid.
    """

    source: ClassVar[str] = SOURCE

    payment_id: UUID
    order_id: UUID
    user_id: UUID
    amount: Money
    reason: str
    is_declined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(Event):
    """The whole amount was refunded to the card."""

    source: ClassVar[str] = SOURCE

    payment_id: UUID
    order_id: UUID
    user_id: UUID
    amount: Money
    reason: str
