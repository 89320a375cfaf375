"""A payment: one try to charge an order's amount to a card, and what became of it."""

from collections.abc import Callable, Mapping
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

REASON_LENGTH = 100  # characters that are kept of what the gateway says

NOT_TAKEN = "GATEWAY_UNAVAILABLE"
"""The failure reason of a payment that the gateway never took."""


class Status(StrEnum):
    """Where a payment is on its way."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REFUND_PENDING = "REFUND_PENDING"
    REFUNDED = "REFUNDED"


# REQUESTED leads everywhere that PENDING does: the result may come before the gateway's answer.
_WAYS: Mapping[Status, frozenset[Status]] = {
    Status.REQUESTED: frozenset({Status.PENDING, Status.SUCCEEDED, Status.FAILED}),
    Status.PENDING: frozenset({Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset({Status.REFUND_PENDING}),
    Status.FAILED: frozenset(),
    Status.REFUND_PENDING: frozenset({Status.REFUNDED}),
    Status.REFUNDED: frozenset(),
}
UNSETTLED = frozenset({Status.REQUESTED, Status.PENDING})
"""The gateway has yet to say what became of it."""


class RefundReason(StrEnum):
    """Why what was charged is given back."""

    ORDER_CANCELLED = "ORDER_CANCELLED"  # it had been paid
    ORDER_CANCELLED_BEFORE = "ORDER_CANCELLED_BEFORE"  # the money came too late
    CHARGED_AGAIN = "CHARGED_AGAIN"  # another payment pays the order


@dataclass(frozen=True, slots=True)
class Result:
    """What the gateway's own record says of a transaction; `is_charged` None: not yet decided."""

    amount: Money
    is_charged: bool | None
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Payment:
    """One try to pay an order. `version` counts its changes; `events` are not kept yet.

    An *extra* payment is a transaction of the order that nobody was waiting for any more: it is
    kept so that whatever it charged has an owner, and is only ever given back.
    """

    id: UUID
    order_id: UUID
    buyer_id: UUID
    amount: Money
    card_type: str
    card_last4: str
    status: Status
    requested_at: datetime
    changed_at: datetime
    transaction_key: str | None = None
    is_extra: bool = False
    failure_reason: str | None = None
    refund_reason: RefundReason | None = None
    version: int = 0
    version_read: int = 0
    events: list[Event] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def requested(
        cls,
        *,
        id_: UUID,
        order_id: UUID,
        buyer_id: UUID,
        amount: Money,
        card_type: str,
        card_last4: str,
        at: datetime,
    ) -> Self:
        """A payment that the gateway is about to be asked for."""
        payment = cls(
            id=id_,
            order_id=order_id,
            buyer_id=buyer_id,
            amount=amount,
            card_type=card_type,
            card_last4=card_last4,
            status=Status.REQUESTED,
            requested_at=at,
            changed_at=at,
            version=1,
        )
        payment._tell(PaymentRequested, card_type=card_type)
        return payment

    def another(
        self, *, id_: UUID, transaction_key: str, is_extra: bool, at: datetime
    ) -> "Payment":
        """A payment for one more transaction that the gateway has of the same order."""
        return Payment(
            id=id_,
            order_id=self.order_id,
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
    def is_unsettled(self) -> bool:
        """Whether the gateway has yet to say what became of it: the card may be charged."""
        return self.status in UNSETTLED

    @property
    def is_live(self) -> bool:
        """Whether it pays the order, or may yet."""
        return not self.is_extra and (self.is_unsettled or self.status is Status.SUCCEEDED)

    @property
    def is_declined(self) -> bool:
        """Whether the gateway decided against it, so that the order is called off."""
        is_failed = self.status is Status.FAILED and not self.is_extra
        return is_failed and self.failure_reason != NOT_TAKEN

    @property
    def is_without_transaction(self) -> bool:
        """Whether the gateway was asked, and we do not know under which key it took it."""
        return self.status is Status.REQUESTED and self.transaction_key is None

    @property
    def is_given_up(self) -> bool:
        """Whether the gateway never took it: nothing was charged, and the order is payable."""
        return self.status is Status.FAILED and self.failure_reason == NOT_TAKEN

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is to be asked of the gateway."""
        return not self.is_unsettled and self.status is not Status.REFUND_PENDING

    def take(self, transaction_key: str, *, at: datetime) -> None:
        """The gateway has it, under this key."""
        self.transaction_key = transaction_key
        self._go(Status.PENDING, at)

    def give_up(self, *, at: datetime) -> bool:
        """The gateway surely never took it. False where it is known better by now."""
        if not self.is_without_transaction:
            return False
        self.failure_reason = NOT_TAKEN
        self._go(Status.FAILED, at)
        self._tell(PaymentFailed, reason=NOT_TAKEN, is_declined=False)
        return True

    def decline(self, reason: str, *, at: datetime) -> bool:
        """The gateway decided against it. False where it was settled before: the first wins."""
        if not self.is_unsettled:
            return False
        self.failure_reason = _line(reason)
        self._go(Status.FAILED, at)
        self._tell(PaymentFailed, reason=self.failure_reason, is_declined=self.is_declined)
        return True

    def settle(self, result: Result, *, at: datetime) -> bool:
        """Take over the gateway's result. False where nothing changes: the first wins.

        Raises AmountDiffers.
        """
        if not self.is_unsettled or result.is_charged is None:
            return False
        self.require_amount(result.amount)
        if not result.is_charged:
            return self.decline(result.reason, at=at)
        self._go(Status.SUCCEEDED, at)
        if self.is_extra:  # nobody is to take it for the order's
            self.begin_refund(RefundReason.CHARGED_AGAIN, at=at)
        else:
            self._tell(PaymentSucceeded)
        return True

    def require_amount(self, amount: Money) -> None:
        """Raises AmountDiffers where the gateway speaks of another amount."""
        if amount != self.amount:
            raise AmountDiffers(f"Due is {self.amount.amount}, the gateway says {amount.amount}.")

    def begin_refund(self, reason: RefundReason, *, at: datetime) -> bool:
        """What was charged is to be given back. False where nothing is, or where it is already."""
        if Status.REFUND_PENDING not in _WAYS[self.status]:
            return False
        self.refund_reason = reason
        self._go(Status.REFUND_PENDING, at)
        return True

    def mark_refunded(self, *, at: datetime) -> bool:
        """The gateway has given it back. False where that is known."""
        if self.status is not Status.REFUND_PENDING:
            return False
        self._go(Status.REFUNDED, at)
        self._tell(PaymentRefunded, reason=str(self.refund_reason))
        return True

    def _go(self, status: Status, at: datetime) -> None:
        if status not in _WAYS[self.status]:
            raise ValueError(f"no payment goes from {self.status} to {status}")
        self.status = status
        self.changed_at = at
        self.version += 1

    def _tell(self, event: Callable[..., Event], **data: Any) -> None:
        self.events.append(
            event(
                aggregate_id=self.id,
                aggregate_version=self.version,
                payment_id=self.id,
                order_id=self.order_id,
                user_id=self.buyer_id,
                amount=self.amount,
                **data,
            )
        )


def _line(reason: str) -> str:
    """What the gateway says, as one line that can be kept and told."""
    printable = "".join(each for each in reason if each.isprintable())
    return printable[:REASON_LENGTH].strip() or "DECLINED"
