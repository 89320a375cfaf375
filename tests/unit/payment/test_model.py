"""A payment goes from status to status by its rules, and by no others."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from commerce.payment import AmountDiffers, Payment, Refund, RefundReason, Result, Status
from commerce.payment.model import _TRANSITIONS, NOT_TAKEN
from commerce.shared.money import Money

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=5)
DUE = Money(500)
CHARGED, FAILED, OPEN = (
    Result(DUE, is_charged=True),
    Result(DUE, is_charged=False, reason="LIMIT_EXCEEDED"),
    Result(DUE, is_charged=None),
)


def a_payment(status: Status = Status.REQUESTED, *, is_extra: bool = False) -> Payment:
    payment = Payment(
        id=uuid4(),
        order_id=uuid4(),
        buyer_id=uuid4(),
        amount=DUE,
        card_type="KB",
        card_last4="9876",
        status=status,
        requested_at=NOW,
        changed_at=NOW,
        transaction_key=None if status is Status.REQUESTED else "TX-1",
        is_extra=is_extra,
        version=3,
    )
    if status is Status.FAILED:
        payment.failure_reason = "LIMIT_EXCEEDED"
    return payment


def events_of(payment: Payment) -> list[str]:
    return [type(event).__name__ for event in payment.events]


def all_of(payment: Payment) -> Refund:
    return Refund(
        id=payment.id,
        payment_id=payment.id,
        amount=payment.amount,
        reason=RefundReason.ORDER_CANCELLED,
        requested_at=NOW,
    )


ACTS: dict[str, Callable[[Payment], bool]] = {
    "charged": lambda payment: payment.settle(CHARGED, at=LATER),
    "failed": lambda payment: payment.settle(FAILED, at=LATER),
    "declined": lambda payment: payment.decline("INVALID_CARD", at=LATER),
    "given up": lambda payment: payment.give_up(at=LATER),
    "to be refunded": lambda payment: payment.begin_refund(RefundReason.ORDER_CANCELLED, at=LATER),
    "refunded": lambda payment: payment.mark_refunded(all_of(payment), at=LATER),
}
LEADS = {
    ("charged", Status.REQUESTED): Status.SUCCEEDED,
    ("charged", Status.PENDING): Status.SUCCEEDED,
    ("failed", Status.REQUESTED): Status.FAILED,
    ("failed", Status.PENDING): Status.FAILED,
    ("declined", Status.REQUESTED): Status.FAILED,
    ("declined", Status.PENDING): Status.FAILED,
    ("given up", Status.REQUESTED): Status.FAILED,
    ("to be refunded", Status.SUCCEEDED): Status.REFUND_PENDING,
    ("refunded", Status.REFUND_PENDING): Status.REFUNDED,
}
EVENTS = {
    "charged": ["PaymentSucceeded"],
    "failed": ["PaymentFailed"],
    "declined": ["PaymentFailed"],
    "given up": ["PaymentFailed"],
    "to be refunded": [],
    "refunded": ["PaymentRefunded"],
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("status", Status)
def test_each_action_changes_the_status_as_listed_or_nothing(act: str, status: Status) -> None:
    payment, before = a_payment(status), a_payment(status)
    did = ACTS[act](payment)
    leads_to = LEADS.get((act, status))
    assert did is (leads_to is not None)
    if leads_to is None:
        assert (payment.status, payment.version, events_of(payment)) == (status, 3, [])
        assert (payment.failure_reason, payment.changed_at) == (before.failure_reason, NOW)
    else:
        assert (payment.status, payment.version, payment.changed_at) == (leads_to, 4, LATER)
        assert events_of(payment) == EVENTS[act]
        assert [event.aggregate_version for event in payment.events] == [4] * len(payment.events)


@pytest.mark.parametrize("before", Status)
@pytest.mark.parametrize("after", Status)
def test_only_the_listed_status_changes_are_possible(before: Status, after: Status) -> None:
    ways = {(source, target) for (_, source), target in LEADS.items()}
    ways.add((Status.REQUESTED, Status.PENDING))
    assert (after in _TRANSITIONS[before]) is ((before, after) in ways)
    payment = a_payment(before)
    if (before, after) not in ways:
        with pytest.raises(ValueError, match="no payment goes from"):
            payment._change_status(after, LATER)
        assert payment.status is before


def test_a_requests_event_does_not_show_the_card() -> None:
    payment = Payment.requested(
        id_=uuid4(),
        order_id=uuid4(),
        buyer_id=uuid4(),
        amount=DUE,
        card_type="KB",
        card_last4="9876",
        at=NOW,
    )
    assert (payment.status, payment.version) == (Status.REQUESTED, 1)
    [event] = payment.events
    assert event.envelope()["data"] == {
        "payment_id": str(payment.id),
        "order_id": str(payment.order_id),
        "charge_id": None,
        "user_id": str(payment.buyer_id),
        "amount": {"amount": 500, "currency": "KRW"},
        "card_type": "KB",
    }


def test_a_taken_payment_is_not_given_up() -> None:
    payment = a_payment()
    payment.take("TX-1", at=NOW)
    assert not payment.give_up(at=LATER)
    assert (payment.status, payment.transaction_key) == (Status.PENDING, "TX-1")


@pytest.mark.parametrize("amount", [Money(499), Money(501), Money(500, "EUR")])
@pytest.mark.parametrize("is_charged", [True, False])
def test_another_amount_settles_nothing(amount: Money, is_charged: bool) -> None:  # noqa: FBT001
    payment = a_payment(Status.PENDING)
    with pytest.raises(AmountDiffers):
        payment.settle(Result(amount, is_charged=is_charged), at=LATER)
    assert (payment.status, payment.version, events_of(payment)) == (Status.PENDING, 3, [])


def test_a_pending_result_changes_nothing() -> None:
    payment = a_payment(Status.PENDING)
    assert not payment.settle(OPEN, at=LATER)
    assert payment.changed_at == NOW


def test_an_extra_charge_is_refunded_and_never_recorded_as_a_success() -> None:
    payment = a_payment(Status.PENDING, is_extra=True)
    payment.settle(CHARGED, at=LATER)
    assert (payment.status, payment.refund_reason) == (
        Status.REFUND_PENDING,
        RefundReason.CHARGED_AGAIN,
    )
    payment.mark_refunded(all_of(payment), at=LATER)
    assert events_of(payment) == ["PaymentRefunded"]


def test_an_extra_that_fails_declines_nothing() -> None:
    payment = a_payment(Status.PENDING, is_extra=True)
    payment.settle(FAILED, at=LATER)
    assert not payment.is_declined
    assert payment.events[0].envelope()["data"]["is_declined"] is False


def test_a_payment_never_taken_declines_nothing() -> None:
    payment = a_payment()
    payment.give_up(at=LATER)
    assert (payment.failure_reason, payment.is_declined, payment.is_given_up) == (
        NOT_TAKEN,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("LIMIT_EXCEEDED", "LIMIT_EXCEEDED"),
        ("", "DECLINED"),
        (" \n\x00", "DECLINED"),
        ("a\nb\x00c\ud83dd", "abcd"),
        ("x" * 300, "x" * 100),
    ],
)
def test_the_gateways_reason_is_stored_as_one_line(said: str, stored: str) -> None:
    payment = a_payment(Status.PENDING)
    payment.settle(Result(DUE, is_charged=False, reason=said), at=LATER)
    assert payment.failure_reason == stored


@pytest.mark.parametrize("status", Status)
def test_a_payment_that_paid_or_may_pay_is_live(status: Status) -> None:
    live = {Status.REQUESTED, Status.PENDING, Status.SUCCEEDED}
    assert a_payment(status).is_live is (status in live)
    assert not a_payment(status, is_extra=True).is_live
    ended = {Status.SUCCEEDED, Status.FAILED, Status.REFUNDED}
    assert a_payment(status).is_ended is (status in ended)
