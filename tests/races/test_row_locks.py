"""Rows that a use case reads to decide on stay locked until its transaction ends.

Each call here changes nothing, so that no UPDATE takes the lock in place of the read. In the use
cases, other guards often come first (a buyer's daily limit, the version in the UPDATE); here each
lock stands alone.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from commerce.app.shop import Shop
from commerce.payment.model import Payment, Refund, RefundReason, Result, Status
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.errors import Busy
from tests.support.gateway import RunningGateway
from tests.support.payments import a_card_order, pay, payments_of, settled
from tests.support.shop import a_buyer, a_product

pytestmark = pytest.mark.usefixtures("own_shop")

LOOKS = {
    "order": "SELECT FROM orders WHERE id = $1 FOR UPDATE NOWAIT",
    "payment": "SELECT FROM payment WHERE order_id = $1 FOR UPDATE NOWAIT",
}


@pytest.fixture
def paid(gateway: RunningGateway) -> Payment:
    """A payment that succeeded."""
    buyer = a_buyer()
    order_id = a_card_order(buyer, a_product(stock=5, price=700))
    assert pay(buyer, order_id).status == 201
    settled(order_id, "SUCCEEDED")
    [payment] = payments_of(order_id)
    return payment


def assert_locked_by(
    url: str, use_case: Callable[[Shop], object], row: str, order_id: object
) -> None:
    """Let `use_case` run in a transaction, and see the row locked until that ends."""
    look = Query(LOOKS[row], [order_id])
    other = Database(lambda: url)
    try:
        with UnitOfWork(database()) as uow:
            use_case(Shop(uow))
            with pytest.raises(Busy):
                other.run([look])
        other.run([look])
    finally:
        other.close()


def test_an_order_stays_locked_while_its_payment_begins(own_shop: str) -> None:
    buyer = a_buyer()
    order_id = a_card_order(buyer, a_product(stock=5, price=700))
    assert_locked_by(
        own_shop, lambda shop: shop.orders.due(order_id, buyer_id=buyer.user_id), "order", order_id
    )


def test_an_order_stays_locked_while_a_late_charge_is_judged(own_shop: str) -> None:
    order_id = UUID(a_card_order(a_buyer(), a_product(stock=5, price=700)))
    assert_locked_by(own_shop, lambda shop: shop.orders.awaits_payment(order_id), "order", order_id)


def a_refund_of(paid: Payment) -> Refund:
    """A refund of a payment that is not refunding, which so changes nothing."""
    return Refund(
        id=clock.new_id(),
        payment_id=paid.id,
        amount=paid.amount,
        reason=RefundReason.ORDER_CANCELLED,
        requested_at=clock.now(),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda payments, paid: payments.settle(paid.id, Result(paid.amount, is_charged=True)),
        lambda payments, paid: payments.decline(paid.id, "DECLINED"),
        lambda payments, paid: payments.give_up(paid.id),
        lambda payments, paid: payments.mark_refunded(a_refund_of(paid)),
        lambda payments, paid: payments.adopt(
            paid.subject_id, paid.transaction_key, is_wanted=True
        ),
    ],
    ids=["settle", "decline", "give_up", "mark_refunded", "adopt"],
)
def test_a_payment_stays_locked_while_its_result_is_judged(
    own_shop: str, paid: Payment, change: Callable[[Any, Payment], Payment]
) -> None:
    def judge(shop: Shop) -> None:
        assert change(shop.payments, paid).status is Status.SUCCEEDED

    assert_locked_by(own_shop, judge, "payment", paid.order_id)
