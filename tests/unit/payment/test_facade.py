"""Every transaction that the gateway has of an order gets an owner, and the order one payment."""

from uuid import UUID, uuid4

import pytest

from commerce.payment import (
    MAX_DECLINES,
    DeclinedTooOften,
    NotYourPayment,
    Pay,
    Payment,
    PaymentFacade,
    PaymentNotFound,
    PaymentUnderWay,
    RefundReason,
    Result,
    Status,
)
from commerce.shared.money import Money
from tests.support.memory.payment import MemoryPaymentRepository

ORDER, BUYER = uuid4(), uuid4()
CARD_NO = "4111-2222-3333-9876"
CARD = Pay.model_validate({"order_id": str(ORDER), "card_type": "KB", "card_no": CARD_NO})
CHARGED = Result(Money(500), is_charged=True)
DECLINED = Result(Money(500), is_charged=False, reason="LIMIT_EXCEEDED")


@pytest.fixture
def payments() -> PaymentFacade:
    return PaymentFacade(MemoryPaymentRepository())


def request(payments: PaymentFacade) -> Payment:
    return payments.request(CARD.card, order_id=ORDER, buyer_id=BUYER, amount=Money(500))


def adopt(payments: PaymentFacade, key: str, *, is_wanted: bool = True) -> Payment:
    found = payments.adopt(ORDER, key, is_wanted=is_wanted)
    assert found is not None
    return found


def statuses(payments: PaymentFacade) -> list[str]:
    return [each.status.value for each in payments.of_subject(ORDER)]


def test_only_the_last_four_digits_of_a_card_are_stored(payments: PaymentFacade) -> None:
    payment = request(payments)
    assert (payment.card_type, payment.card_last4) == ("KB", "9876")
    # A shorter part of the number may occur in a random id.
    assert CARD_NO[:9] not in repr(payment) + repr(CARD) + str(CARD.card)


@pytest.mark.parametrize("before", ["requested", "taken", "charged"])
def test_an_order_with_a_live_payment_gets_no_second_one(
    payments: PaymentFacade, before: str
) -> None:
    payment = request(payments)
    if before != "requested":
        adopt(payments, "TX-1")
    if before == "charged":
        payments.settle(payment.id, CHARGED)
    with pytest.raises(PaymentUnderWay):
        request(payments)


def decline(payments: PaymentFacade, times: int) -> None:
    for number in range(times):
        payment = request(payments)
        adopt(payments, f"TX-declined-{number}")
        payments.settle(payment.id, DECLINED)


def test_an_order_may_be_declined_three_times_and_no_more(payments: PaymentFacade) -> None:
    decline(payments, MAX_DECLINES - 1)
    assert not payments.is_out_of_tries(ORDER)
    decline(payments, 1)
    assert payments.is_out_of_tries(ORDER)
    with pytest.raises(DeclinedTooOften):
        request(payments)
    assert statuses(payments) == ["FAILED"] * 3


def test_a_payment_the_gateway_never_took_is_no_try(payments: PaymentFacade) -> None:
    for _ in range(MAX_DECLINES):
        payments.give_up(request(payments).id)
    decline(payments, MAX_DECLINES - 1)
    assert not payments.is_out_of_tries(ORDER)
    request(payments)


def test_an_order_whose_payment_was_given_up_gets_another(payments: PaymentFacade) -> None:
    payments.give_up(request(payments).id)
    request(payments)
    assert statuses(payments) == ["FAILED", "REQUESTED"]


def test_a_transaction_is_adopted_once_by_its_waiting_payment(payments: PaymentFacade) -> None:
    payment = request(payments)
    assert adopt(payments, "TX-1").id == payment.id
    assert adopt(payments, "TX-1").id == payment.id
    assert statuses(payments) == ["PENDING"]


def test_a_second_transaction_is_an_extra_and_refunded(payments: PaymentFacade) -> None:
    request(payments)
    adopt(payments, "TX-1")
    extra = adopt(payments, "TX-2")
    assert (extra.is_extra, extra.amount, extra.card_last4) == (True, Money(500), "9876")
    payments.settle(extra.id, CHARGED)
    assert payments.find(extra.id).refund_reason is RefundReason.CHARGED_AGAIN
    [refund] = payments.refunds_to_make(extra.id)
    payments.mark_refunded(refund)
    assert statuses(payments) == ["PENDING", "REFUNDED"]


@pytest.mark.parametrize("is_wanted", [True, False])
def test_an_abandoned_payment_pays_a_still_payable_order(
    payments: PaymentFacade,
    is_wanted: bool,  # noqa: FBT001
) -> None:
    payments.give_up(request(payments).id)
    late = adopt(payments, "TX-1", is_wanted=is_wanted)
    assert late.is_extra is not is_wanted


def test_a_late_charge_pays_an_order_that_has_tries_left(payments: PaymentFacade) -> None:
    decline(payments, MAX_DECLINES - 1)
    late = adopt(payments, "TX-late")
    assert not late.is_extra
    payments.settle(late.id, CHARGED)
    with pytest.raises(PaymentUnderWay):
        request(payments)


def test_a_late_charge_of_an_order_without_tries_is_an_extra(payments: PaymentFacade) -> None:
    decline(payments, MAX_DECLINES)
    late = adopt(payments, "TX-late")
    assert late.is_extra
    payments.settle(late.id, CHARGED)
    assert payments.find(late.id).status is Status.REFUND_PENDING


def test_a_late_charge_beside_another_try_is_an_extra(payments: PaymentFacade) -> None:
    decline(payments, 1)
    request(payments)
    adopt(payments, "TX-second")
    assert adopt(payments, "TX-late").is_extra


def test_a_transaction_of_an_order_without_payments_is_not_adopted(payments: PaymentFacade) -> None:
    assert payments.adopt(ORDER, "TX-1", is_wanted=True) is None


def test_an_orders_refund_begins_once(payments: PaymentFacade) -> None:
    assert payments.begin_refund(ORDER, RefundReason.ORDER_CANCELLED) is None
    payment = request(payments)
    adopt(payments, "TX-1")
    assert payments.begin_refund(ORDER, RefundReason.ORDER_CANCELLED) is None
    payments.settle(payment.id, CHARGED)
    begun = payments.begin_refund(ORDER, RefundReason.ORDER_CANCELLED)
    assert begun is not None
    assert (begun.id, begun.status) == (payment.id, Status.REFUND_PENDING)
    assert payments.begin_refund(ORDER, RefundReason.ORDER_CANCELLED_BEFORE) is None
    assert payments.find(payment.id).refund_reason is RefundReason.ORDER_CANCELLED


def test_an_orders_refund_leaves_extra_charges_out() -> None:
    repository = MemoryPaymentRepository()
    payments = PaymentFacade(repository)
    own = request(payments)
    extra = own.another(id_=UUID(int=0), transaction_key="TX-0", is_extra=True, at=own.requested_at)
    extra.status = Status.SUCCEEDED  # the oldest, and its own refund was not begun
    repository.add(extra)
    adopt(payments, "TX-1")
    payments.settle(own.id, CHARGED)
    begun = payments.begin_refund(ORDER, RefundReason.ORDER_CANCELLED)
    assert begun is not None
    assert begun.id == own.id
    assert payments.find(extra.id).status is Status.SUCCEEDED


def test_a_payment_is_found_by_its_buyer_only(payments: PaymentFacade) -> None:
    payment = request(payments)
    assert payments.get(str(payment.id), buyer_id=BUYER).status == "REQUESTED"
    with pytest.raises(NotYourPayment):
        payments.get(str(payment.id), buyer_id=uuid4())
    for unknown in (str(uuid4()), "nonsense"):
        with pytest.raises(PaymentNotFound):
            payments.get(unknown, buyer_id=BUYER)
    with pytest.raises(PaymentNotFound):
        payments.settle(UUID(int=1), CHARGED)
