"""Payments are kept the same way in memory and in PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest

from commerce.payment import Payment, PaymentUnderWay, Refund, RefundReason, Result
from commerce.payment.model import Status
from commerce.payment.repository import PaymentRepository, SqlPaymentRepository
from commerce.runtime.db.connection import ConstraintViolated, Contention, Database
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.money import Money
from tests.support.memory.payment import MemoryPaymentRepository
from tests.support.orders import a_pending_order
from tests.support.shop import a_buyer, a_product

pytestmark = pytest.mark.usefixtures("shop_environment")

Opened: TypeAlias = Callable[[], AbstractContextManager[PaymentRepository]]
# Long before all other tests' payments, which share the database.
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    found = Database(lambda: database_url)
    yield found
    found.close()


@pytest.fixture(params=["memory", "sql"])
def payments(request: pytest.FixtureRequest, database: Database) -> Opened:
    @contextmanager
    def transaction() -> Iterator[PaymentRepository]:
        with UnitOfWork(database) as uow:
            yield SqlPaymentRepository(uow)
            uow.commit()

    memory = MemoryPaymentRepository()
    return transaction if request.param == "sql" else lambda: nullcontext(memory)


@pytest.fixture
def order_id() -> UUID:
    return UUID(a_pending_order(a_buyer(), a_product(price=500), points=0))


def a_payment(order_id: UUID, at: datetime | None = None) -> Payment:
    return Payment.requested(
        id_=clock.new_id(),
        order_id=order_id,
        buyer_id=uuid4(),
        amount=Money(500),
        card_type="KB",
        card_last4="9876",
        at=at or clock.now(),
    )


def all_of(payment: Payment) -> Refund:
    return Refund(
        id=payment.id,
        payment_id=payment.id,
        amount=payment.amount,
        reason=RefundReason.ORDER_CANCELLED,
        requested_at=payment.changed_at,
    )


def facts(payment: Payment | None) -> dict[str, Any]:
    assert payment is not None
    not_kept = ("events", "version_read", "new_refund")
    names = [each.name for each in fields(Payment) if each.name not in not_kept]
    return {name: getattr(payment, name) for name in names}


def test_a_stored_payment_is_read_back_unchanged(payments: Opened, order_id: UUID) -> None:
    payment = a_payment(order_id)
    with payments() as kept:
        kept.add(payment)
    with payments() as kept:
        assert facts(kept.find(payment.id)) == facts(payment)
        assert facts(kept.lock(payment.id)) == facts(payment)
        assert [each.id for each in kept.of_subject(order_id)] == [payment.id]
        assert kept.find(uuid4()) is kept.lock(uuid4()) is kept.find_by_key("none") is None


def test_a_payments_refunds_are_stored_in_their_order(payments: Opened, order_id: UUID) -> None:
    payment = a_payment(order_id)
    parts = [(clock.new_id(), Money(200)), (clock.new_id(), Money(100))]
    with payments() as kept:
        kept.add(payment)
    with payments() as kept:
        found = kept.lock(payment.id)
        assert found is not None
        found.take(str(uuid4()), at=clock.now())
        found.settle(Result(Money(500), is_charged=True), at=clock.now())
        kept.save(found)
    for id_, amount in parts:
        with payments() as kept:
            found = kept.lock(payment.id)
            assert found is not None
            found.begin_refund(
                RefundReason.LINES_CANCELLED, at=clock.now(), refund_id=id_, amount=amount
            )
            kept.save(found)
    with payments() as kept:
        first, second = kept.refunds_of(payment.id)
        found = kept.lock(payment.id)
        assert found is not None
        assert [(each.id, each.amount) for each in (first, second)] == parts
        assert (found.status, found.refund_requested, found.refunded) == (
            Status.SUCCEEDED,
            Money(300),
            Money(0),
        )
        found.mark_refunded(first, at=clock.now())
        kept.mark_refunded(first)
        kept.save(found)
    with payments() as kept:
        assert [each.refunded_at for each in kept.refunds_of(payment.id)] == [
            first.refunded_at,
            None,
        ]
        found = kept.find(payment.id)
        assert found is not None
        assert (found.refunded, found.is_refunding) == (Money(200), True)
        assert kept.refunds_of(uuid4()) == []


def test_a_payments_result_is_stored(payments: Opened, order_id: UUID) -> None:
    payment, key = a_payment(order_id), str(uuid4())
    with payments() as kept:
        kept.add(payment)
    changes: list[Callable[[Payment], object]] = [
        lambda each: each.take(key, at=clock.now()),
        lambda each: each.settle(Result(Money(500), is_charged=True), at=clock.now()),
        lambda each: each.begin_refund(RefundReason.ORDER_CANCELLED, at=clock.now()),
        lambda each: each.mark_refunded(all_of(each), at=clock.now()),
    ]
    for change in changes:
        with payments() as kept:
            found = kept.lock(payment.id)
            assert found is not None
            change(found)
            kept.save(found)
        with payments() as kept:
            assert facts(kept.find_by_key(key)) == facts(found)


def test_an_order_has_one_live_payment(payments: Opened, order_id: UUID) -> None:
    with payments() as kept:
        kept.add(a_payment(order_id))
    with pytest.raises(PaymentUnderWay), payments() as kept:
        kept.add(a_payment(order_id))
    extra = replace(a_payment(order_id), is_extra=True, events=[])
    with payments() as kept:
        kept.add(extra)
    with payments() as kept:
        assert [each.is_extra for each in kept.lock_of_subject(order_id)] == [False, True]


def test_a_transaction_has_one_payment(payments: Opened, order_id: UUID) -> None:
    first, key = a_payment(order_id), str(uuid4())
    first.take(key, at=clock.now())
    second = first.another(id_=clock.new_id(), transaction_key=key, is_extra=True, at=clock.now())
    with payments() as kept:
        kept.add(first)
    with pytest.raises(Contention), payments() as kept:
        kept.add(second)


def test_a_stale_payment_is_not_saved(payments: Opened, order_id: UUID) -> None:
    payment = a_payment(order_id)
    with payments() as kept:
        kept.add(payment)
    with payments() as kept:
        stale = kept.find(payment.id)
        found = kept.lock(payment.id)
        assert found is not None
        assert stale is not None
        found.take(str(uuid4()), at=clock.now())
        kept.save(found)
    stale.give_up(at=clock.now())
    with pytest.raises(Contention), payments() as kept:
        kept.save(stale)


def test_unfinished_payments_come_in_order_of_their_last_check(
    payments: Opened,
) -> None:
    product = a_product(price=500)
    orders = [UUID(a_pending_order(a_buyer(), product, points=0)) for _ in range(4)]
    made = [  # the newest is the one that was checked longest ago
        a_payment(order, LONG_AGO + timedelta(seconds=number))
        for number, order in reversed([*enumerate(orders)])
    ][::-1]
    for each in made:
        with payments() as kept:
            kept.add(each)
    with payments() as kept:
        ended = kept.lock(made[1].id)
        assert ended is not None
        ended.give_up(at=clock.now())
        kept.save(ended)
    before = LONG_AGO + timedelta(seconds=2)

    def found() -> list[UUID]:
        with payments() as kept:
            return [each.id for each in kept.unfinished(before, 10) if each.id in ids]

    ids = {each.id for each in made}
    assert found() == [made[0].id, made[2].id]
    with payments() as kept:
        assert kept.count_unfinished(before) >= 2
        assert [each.id for each in kept.unfinished(before, 1)] == [made[0].id]
        kept.mark_asked(made[0].id, clock.now())
        kept.mark_asked(made[1].id, LONG_AGO)  # it has its end: nobody asks
    assert found() == [made[2].id]
    for each in made:  # nobody else in this database is to find them waiting
        with payments() as kept:
            left = kept.lock(each.id)
            assert left is not None
            if left.give_up(at=clock.now()):
                kept.save(left)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"amount": Money(0)}, "payment_amount_positive"),
        ({"card_last4": "4111-2222-3333-9876"}, "card_last4_only"),
        ({"order_id": UUID(int=1)}, "payment_of_an_order"),
    ],
)
def test_the_database_refuses_an_invalid_payment(
    database: Database, order_id: UUID, change: dict[str, Any], rule: str
) -> None:
    with UnitOfWork(database) as uow:
        SqlPaymentRepository(uow).add(replace(a_payment(order_id), **change))
        with pytest.raises(ConstraintViolated, match=rule):
            uow.commit()


def test_payments_of_a_buyer_are_listed_and_their_cards_forgotten(
    payments: Opened, order_id: UUID
) -> None:
    first = replace(a_payment(order_id), status=Status.FAILED)
    second = replace(a_payment(order_id), buyer_id=first.buyer_id, status=Status.FAILED)
    other = replace(a_payment(order_id), status=Status.FAILED)
    for each in (first, second, other):
        with payments() as kept:
            kept.add(each)
    last = UUID(int=2**128 - 1)
    with payments() as kept:
        ids = [each.id for each in kept.newest_of(first.buyer_id, last, 9)]
        assert ids == [second.id, first.id]
        assert [each.id for each in kept.newest_of(first.buyer_id, second.id, 9)] == [first.id]
        kept.forget_cards(first.buyer_id)
    with payments() as kept:
        cards = [each.card_last4 for each in kept.newest_of(first.buyer_id, last, 9)]
        assert (cards, facts(kept.find(other.id))["card_last4"]) == ([None, None], "9876")
