"""The events of payments."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from commerce.shared.events import Event
from commerce.shared.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEvent(Event):
    """An event of one payment, which is for an order or for a charge of points."""

    source: ClassVar[str] = "commerce.payment"

    payment_id: UUID
    order_id: UUID | None
    user_id: UUID
    amount: Money
    charge_id: UUID | None = None
    """None also in events recorded before this field existed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequested(PaymentEvent):
    """A payment by card was recorded; the request to the gateway follows."""

    card_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded(PaymentEvent):
    """The card was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed(PaymentEvent):
    """The card was not charged, and will not be.

    Where `is_declined` is true, the gateway decided so, and it counts as one of the order's tries;
    else the gateway never took the payment.
    """

    reason: str
    is_declined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRefunded(PaymentEvent):
    """An amount was refunded to the card: all that was charged, or a part of it."""

    reason: str
    refund_id: UUID | None = None
    """None in events recorded before this field existed."""
