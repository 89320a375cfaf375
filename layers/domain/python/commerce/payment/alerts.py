"""The alerts about payments and the gateway's circuit breaker."""

from commerce.payment.breaker import State, StateChange
from commerce.payment.model import Payment, RefundReason
from commerce.runtime.alerts import Alert
from commerce.shared import trace

_MEANING = {
    RefundReason.ORDER_CANCELLED_BEFORE: "A card was charged for a cancelled order",
    RefundReason.CHARGED_AGAIN: "A card was charged once more for the same order",
    RefundReason.CHARGE_NOT_CREDITED: "A card was charged for points that cannot be credited",
}

_BREAKER_MEANING = {
    State.OPEN: "The payment gateway fails: for a while nobody can pay by card.",
    State.HALF_OPEN: "The payment gateway is tried again.",
    State.CLOSED: "The payment gateway works again.",
}


def charge_without_payable_order(payment: Payment) -> Alert | None:
    """Make the alert for a charge without a payable order; None for an ordinary refund."""
    meaning = _MEANING.get(payment.refund_reason) if payment.refund_reason else None
    if meaning is None:
        return None
    return Alert(
        code="CHARGED_IN_VAIN",
        about=str(payment.id),
        summary=f"{meaning}; it is refunded.",
        facts=_facts(payment),
        runbook="charged-in-vain.md",
        link=f"payment={payment.id}",
    )


def amount_differs(payment: Payment, reported: int) -> Alert:
    """Make the alert for an amount, reported by the gateway, that is not the payment's."""
    return Alert(
        code="PAYMENT_AMOUNT_DIFFERS",
        about=f"{payment.id} {reported}",
        summary="The gateway reports another amount than the order's; nothing was settled by it.",
        facts={**_facts(payment), "told_amount": str(reported)},
        runbook="payment-amount-differs.md",
        link=f"payment={payment.id}",
    )


def breaker_changed(change: StateChange) -> Alert:
    """Make the alert for a change of the breaker: payments stop, or go on."""
    return Alert(
        code="PAYMENT_BREAKER_CHANGED",
        about=f"{change.before} to {change.after}",
        summary=_BREAKER_MEANING[change.after],
        facts={
            "from": change.before.value,
            "to": change.after.value,
            "cause": change.cause,
            "trace_id": trace.trace_id(),
        },
        runbook="payment-breaker.md",
        link="payments",
    )


def _facts(payment: Payment) -> dict[str, str]:
    return {
        "payment_id": str(payment.id),
        "order_id": str(payment.order_id or ""),
        "charge_id": str(payment.charge_id or ""),
        "transaction_key": payment.transaction_key or "",
        "amount": f"{payment.amount.amount} {payment.amount.currency}",
        "status": payment.status.value,
        "trace_id": trace.trace_id(),
    }
