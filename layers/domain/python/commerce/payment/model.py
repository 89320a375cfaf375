"""A payment: one attempt to charge an order's amount to a card, and its outcome."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from commerce.payment.errors import AmountDiffers
from commerce.payment.events import (
    PaymentFailed,
    PaymentRefunded,
    PaymentRequested,
    PaymentSucceeded,
)
from commerce.shared.events import Event
from commerce.shared.money import Money

MAX_DECLINES = 3  # spec §4: so many declined cards end an order
REASON_LENGTH = 100  # characters that are stored of the gateway's reason

NOT_TAKEN = "GATEWAY_UNAVAILABLE"
"""The failure reason of a payment that the gateway never took."""


class Status(StrEnum):
    """The states of a payment."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REFUND_PENDING = "REFUND_PENDING"
    REFUNDED = "REFUNDED"


# REQUESTED leads everywhere that PENDING does: the result may arrive before the gateway's answer.
_TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.REQUESTED: frozenset({Status.PENDING, Status.SUCCEEDED, Status.FAILED}),
    Status.PENDING: frozenset({Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset({Status.REFUND_PENDING}),
    Status.FAILED: frozenset(),
    Status.REFUND_PENDING: frozenset({Status.REFUNDED}),
    Status.REFUNDED: frozenset(),
}
UNSETTLED = frozenset({Status.REQUESTED, Status.PENDING})
"""The states in which the gateway's result is not known."""


class RefundReason(StrEnum):
    """The reasons for a refund."""

    ORDER_CANCELLED = "ORDER_CANCELLED"  # it had been paid
    LINES_CANCELLED = "LINES_CANCELLED"  # a part of it
    LINES_RETURNED = "LINES_RETURNED"  # goods came back
    REFUNDED_BY_STAFF = "REFUNDED_BY_STAFF"
    ORDER_CANCELLED_BEFORE = "ORDER_CANCELLED_BEFORE"  # the money came too late
    CHARGED_AGAIN = "CHARGED_AGAIN"  # another payment pays the order
    CHARGE_NOT_CREDITED = "CHARGE_NOT_CREDITED"  # the points would have been too many, or too late


@dataclass(slots=True, kw_only=True)
class Refund:
    """A part of a charge, or all of it, that goes back to the card.

    Its id is the key under which the gateway makes it once, however often it is requested.
    """

    id: UUID
    payment_id: UUID
    amount: Money
    reason: RefundReason
    requested_at: datetime
    refunded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The gateway's record of a transaction; `is_charged` is None while it is undecided."""

    amount: Money
    is_charged: bool | None
    reason: str = ""
    card_last4: str | None = None


@dataclass(slots=True, kw_only=True)
class Payment:
    """One attempt to pay an order or a charge of points.

    `version` counts its changes; `events` and `new_refund` are not stored yet. Its refunds sum to
    `refund_requested`; the gateway has made `refunded` of that. Once all of it goes back, its
    status says so.

    An *extra* payment owns a transaction of the order that was no longer expected, so that every
    charge has an owner. It can only be refunded.
    """

    id: UUID
    order_id: UUID | None
    buyer_id: UUID
    amount: Money
    card_type: str
    card_last4: str | None
    """None until the gateway has said what card its token is of."""
    status: Status
    requested_at: datetime
    changed_at: datetime
    charge_id: UUID | None = None
    transaction_key: str | None = None
    is_extra: bool = False
    failure_reason: str | None = None
    refund_reason: RefundReason | None = None
    refund_requested: Money = field(default_factory=Money.zero)
    refunded: Money = field(default_factory=Money.zero)
    new_refund: Refund | None = None
    version: int = 0
    version_read: int = 0
    events: list[Event] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def requested(
        cls,
        *,
        id_: UUID,
        order_id: UUID | None = None,
        charge_id: UUID | None = None,
        buyer_id: UUID,
        amount: Money,
        card_type: str,
        card_last4: str | None,
        at: datetime,
    ) -> Self:
        """Make a payment that is about to be requested from the gateway."""
        payment = cls(
            id=id_,
            order_id=order_id,
            charge_id=charge_id,
            buyer_id=buyer_id,
            amount=amount,
            card_type=card_type,
            card_last4=card_last4,
            status=Status.REQUESTED,
            requested_at=at,
            changed_at=at,
            version=1,
        )
        payment._record_event(PaymentRequested, card_type=card_type)
        return payment

    def another(
        self, *, id_: UUID, transaction_key: str, is_extra: bool, at: datetime
    ) -> "Payment":
        """Make a payment for another transaction that the gateway has for the same subject."""
        return Payment(
            id=id_,
            order_id=self.order_id,
            charge_id=self.charge_id,
            buyer_id=self.buyer_id,
            amount=self.amount,
            card_type=self.card_type,
            card_last4=self.card_last4,
            status=Status.PENDING,
            requested_at=at,
            changed_at=at,
            transaction_key=transaction_key,
            is_extra=is_extra,
            version=1,
        )

    @property
    def subject_id(self) -> UUID:
        """The id of the order or charge that it pays: the gateway's `orderId`."""
        subject = self.order_id or self.charge_id
        if subject is None:
            raise ValueError(f"payment {self.id} is for nothing")
        return subject

    @property
    def is_unsettled(self) -> bool:
        """True while the gateway's result is not known: the card may be charged."""
        return self.status in UNSETTLED

    @property
    def is_live(self) -> bool:
        """True if it pays the order, or still may."""
        return not self.is_extra and (self.is_unsettled or self.status is Status.SUCCEEDED)

    @property
    def is_declined(self) -> bool:
        """True if the gateway decided against it: one of the order's MAX_DECLINES tries."""
        is_failed = self.status is Status.FAILED and not self.is_extra
        return is_failed and self.failure_reason != NOT_TAKEN

    @property
    def is_without_transaction(self) -> bool:
        """True if it was requested, and its transaction's key is not known."""
        return self.status is Status.REQUESTED and self.transaction_key is None

    @property
    def is_given_up(self) -> bool:
        """True if the gateway never took it: nothing was charged, and the order is payable."""
        return self.status is Status.FAILED and self.failure_reason == NOT_TAKEN

    @property
    def is_ended(self) -> bool:
        """True if nothing is left to ask of the gateway."""
        return not self.is_unsettled and not self.is_refunding

    @property
    def is_refunding(self) -> bool:
        """True while the gateway has not made a refund that was begun."""
        is_part = self.status is Status.SUCCEEDED and self.refunded < self.refund_requested
        return self.status is Status.REFUND_PENDING or is_part

    def take(self, transaction_key: str, *, at: datetime) -> None:
        """Record the key under which the gateway took it."""
        self.transaction_key = transaction_key
        self._change_status(Status.PENDING, at)

    def give_up(self, *, at: datetime) -> bool:
        """End a payment that the gateway certainly never took; return whether that changed it."""
        if not self.is_without_transaction:
            return False
        self.failure_reason = NOT_TAKEN
        self._change_status(Status.FAILED, at)
        self._record_event(PaymentFailed, reason=NOT_TAKEN, is_declined=False)
        return True

    def decline(self, reason: str, *, at: datetime) -> bool:
        """Record that the gateway decided against it; return False if it was settled before."""
        if not self.is_unsettled:
            return False
        self.failure_reason = _line(reason)
        self._change_status(Status.FAILED, at)
        self._record_event(PaymentFailed, reason=self.failure_reason, is_declined=self.is_declined)
        return True

    def settle(self, result: Result, *, at: datetime) -> bool:
        """Apply the gateway's result; return False if it was settled before or has none yet.

        Raises AmountDiffers.
        """
        if not self.is_unsettled or result.is_charged is None:
            return False
        self.require_amount(result.amount)
        self.card_last4 = self.card_last4 or result.card_last4
        if not result.is_charged:
            return self.decline(result.reason, at=at)
        self._change_status(Status.SUCCEEDED, at)
        if self.is_extra:  # no PaymentSucceeded: it must not confirm the order
            self.begin_refund(RefundReason.CHARGED_AGAIN, at=at)
        else:
            self._record_event(PaymentSucceeded)
        return True

    def require_amount(self, amount: Money) -> None:
        """Require the amount that is to be paid. Raises AmountDiffers."""
        if amount != self.amount:
            raise AmountDiffers(f"Due is {self.amount.amount}, the gateway says {amount.amount}.")

    def begin_refund(
        self,
        reason: RefundReason,
        *,
        at: datetime,
        refund_id: UUID | None = None,
        amount: Money | None = None,
    ) -> bool:
        """Begin to refund an amount of the charge; without one, all that is left of it.

        Return False if there is no charge, or all of it was refunded or is about to be. A refund of
        all that is left has the payment's id where it gets no other.
        """
        if self.status is not Status.SUCCEEDED:
            return False
        left = self.amount - self.refund_requested
        amount = left if amount is None else amount
        if not 0 < amount.amount <= left.amount:
            raise ValueError(
                f"{amount.amount} of payment {self.id}, of which {left.amount} is left"
            )
        self.refund_requested += amount
        self.new_refund = Refund(
            id=refund_id or self.id,
            payment_id=self.id,
            amount=amount,
            reason=reason,
            requested_at=at,
        )
        if amount == left:
            self.refund_reason = reason
            self._change_status(Status.REFUND_PENDING, at)
        else:
            self._change(at)
        return True

    def refund_of_the_code_before(self) -> Refund | None:
        """Return the refund that the release before has begun, which kept no row of it."""
        if self.status is not Status.REFUND_PENDING or self.refund_requested.amount:
            return None
        return Refund(
            id=self.id,
            payment_id=self.id,
            amount=self.amount,
            reason=self.refund_reason or RefundReason.ORDER_CANCELLED,
            requested_at=self.changed_at,
        )

    def mark_refunded(self, refund: Refund, *, at: datetime) -> bool:
        """Record a refund that the gateway has made; return False if that was known."""
        if refund.refunded_at is not None or not self.is_refunding:
            return False
        if self.refund_of_the_code_before():
            self.refund_requested, self.new_refund = refund.amount, refund
        refund.refunded_at = at
        self.refunded += refund.amount
        if self.status is Status.REFUND_PENDING and self.refunded == self.amount:
            self._change_status(Status.REFUNDED, at)
        else:
            self._change(at)
        self._record_event(
            PaymentRefunded,
            amount=refund.amount,
            reason=str(refund.reason),
            refund_id=refund.id,
        )
        return True

    def _change_status(self, status: Status, at: datetime) -> None:
        if status not in _TRANSITIONS[self.status]:
            raise ValueError(f"no payment goes from {self.status} to {status}")
        self.status = status
        self._change(at)

    def _change(self, at: datetime) -> None:
        self.changed_at = at
        self.version += 1

    def _record_event(self, event_class: Callable[..., Event], **data: Any) -> None:
        self.events.append(
            event_class(
                aggregate_id=self.id,
                aggregate_version=self.version,
                payment_id=self.id,
                order_id=self.order_id,
                charge_id=self.charge_id,
                user_id=self.buyer_id,
                **{"amount": self.amount, **data},
            )
        )


def is_out_of_tries(payments: Collection[Payment]) -> bool:
    """Return whether an order with these payments was declined so often that it ends."""
    return sum(each.is_declined for each in payments) >= MAX_DECLINES


def _line(reason: str) -> str:
    printable = "".join(each for each in reason if each.isprintable())
    return printable[:REASON_LENGTH].strip() or "DECLINED"
