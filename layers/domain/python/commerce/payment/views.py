"""The views of payments."""

from enum import StrEnum
from typing import Annotated

from commerce.payment.card import CardType
from commerce.payment.model import Payment, Status
from commerce.shared.money import Money
from commerce.shared.schemas import MoneyView, View, money_view, one_of


class ShownStatus(StrEnum):
    """The states of a payment, as callers see them."""

    REQUESTED = "REQUESTED"
    PENDING = "PENDING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    REFUND_PENDING = "REFUND_PENDING"
    REFUNDED = "REFUNDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"


class PaymentView(View):
    """A payment: of the card, its type and its last four digits."""

    payment_id: str
    order_id: str | None
    charge_id: str | None
    status: Annotated[str, one_of(ShownStatus)]
    amount: MoneyView
    refunded: MoneyView
    card_type: Annotated[str, one_of(CardType)]
    card_last4: str | None
    failure_reason: str | None


def payment_view(payment: Payment) -> PaymentView:
    """Make the shopper's view of a payment as it is now: the gateway's reason is not in it."""
    reason = "DECLINED" if payment.is_declined else payment.failure_reason
    return staff_view(payment).model_copy(update={"failure_reason": reason})


def staff_view(payment: Payment) -> PaymentView:
    """Make the view of a payment as it is now, with the gateway's reason."""
    return PaymentView(
        payment_id=str(payment.id),
        order_id=str(payment.order_id) if payment.order_id else None,
        charge_id=str(payment.charge_id) if payment.charge_id else None,
        status=_shown_status(payment).value,
        amount=money_view(payment.amount),
        refunded=money_view(_refunded(payment)),
        card_type=payment.card_type,
        card_last4=payment.card_last4,
        failure_reason=payment.failure_reason,
    )


def _shown_status(payment: Payment) -> ShownStatus:
    if payment.is_refunding:
        return ShownStatus.REFUND_PENDING
    is_part = payment.status is Status.SUCCEEDED and payment.refunded.amount > 0
    return ShownStatus.PARTIALLY_REFUNDED if is_part else ShownStatus(payment.status.value)


def _refunded(payment: Payment) -> Money:
    # The release before kept no sums, and refunded as a whole.
    return payment.amount if payment.status is Status.REFUNDED else payment.refunded


def first_answer(payment: Payment) -> PaymentView:
    """Make the view that answered the request: declined at once, or PENDING, whatever followed."""
    if payment.is_declined and payment.transaction_key is None:
        return payment_view(payment)
    waiting = {"status": Status.PENDING.value, "failure_reason": None}
    return payment_view(payment).model_copy(update=waiting)
