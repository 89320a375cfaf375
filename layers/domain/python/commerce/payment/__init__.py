"""Payments: charges to cards through the gateway, and their refunds."""

from commerce.payment.alerts import amount_differs, breaker_changed, charge_without_payable_order
from commerce.payment.breaker import BreakerSnapshot, Policy, State, StateChange, ValkeyBreaker
from commerce.payment.card import Card, CardType
from commerce.payment.commands import Callback, CardGiven, Pay
from commerce.payment.deadline import gateway_deadline
from commerce.payment.errors import (
    AmountDiffers,
    CardNotNeeded,
    CardRequired,
    DeclinedTooOften,
    NotYourPayment,
    PaymentNotFound,
    PaymentUnderWay,
    RawCardsRefused,
    TokenUsed,
    TooManyCards,
    TooManyDeclines,
)
from commerce.payment.events import (
    PaymentFailed,
    PaymentRefunded,
    PaymentRequested,
    PaymentSucceeded,
)
from commerce.payment.facade import PaymentFacade
from commerce.payment.gateway import (
    TOKEN_REFUSALS,
    HttpPaymentGateway,
    NotRefunded,
    NotTaken,
    OrderTransaction,
    PaymentGatewayUnavailable,
    Refunded,
    Taken,
    Transaction,
    TransactionStatus,
    Unknown,
)
from commerce.payment.model import MAX_DECLINES, Payment, Refund, RefundReason, Result, Status
from commerce.payment.signature import BadSignature, verify
from commerce.payment.views import PaymentView, first_answer, payment_view, staff_view

__all__ = [
    "MAX_DECLINES", "TOKEN_REFUSALS", "AmountDiffers", "BadSignature", "BreakerSnapshot",
    "Callback", "Card", "CardGiven", "CardNotNeeded", "CardRequired", "CardType",
    "DeclinedTooOften", "HttpPaymentGateway", "NotRefunded", "NotTaken", "NotYourPayment",
    "OrderTransaction", "Pay", "Payment", "PaymentFacade", "PaymentFailed",
    "PaymentGatewayUnavailable", "PaymentNotFound", "PaymentRefunded", "PaymentRequested",
    "PaymentSucceeded", "PaymentUnderWay", "PaymentView", "Policy", "RawCardsRefused",
    "Refund", "RefundReason", "Refunded", "Result", "State", "StateChange", "Status", "Taken",
    "TokenUsed",
    "TooManyCards", "TooManyDeclines", "Transaction", "TransactionStatus", "Unknown",
    "ValkeyBreaker", "amount_differs", "breaker_changed", "charge_without_payable_order",
    "first_answer", "gateway_deadline", "payment_view", "staff_view", "verify",
]  # fmt: skip
