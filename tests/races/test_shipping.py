"""Both shipping functions at once: the delivery system ends with what is true, told once."""

from functools import partial

import pytest

from tests.support.delivery import Delivery
from tests.support.orders import an_order
from tests.support.queues import OpsTopic
from tests.support.shipping import a_cancelled_order, consume, event_of
from tests.support.shop import Person, a_buyer, a_product
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def buyer() -> Person:
    return a_buyer(points=10_000)


@pytest.mark.parametrize("repetition", range(5))
def test_order_and_withdrawal_at_once_end_with_the_withdrawal(
    delivery: Delivery, buyer: Person, repetition: int
) -> None:
    orders = [a_cancelled_order(buyer) for _ in range(2)]
    delivery.behave("slow", times=4, seconds=0.05)
    calls = [
        partial(consume, event)
        for _, confirmed, cancelled in orders
        for event in (confirmed, cancelled) * 2
    ]
    assert run_concurrently(calls) == [True] * 8
    for order_id, _, _ in orders:
        assert delivery.kinds(order_id) in ([], ["ORDER", "WITHDRAWAL"])


def test_two_simultaneous_final_failures_raise_one_alert(
    delivery: Delivery, topic: OpsTopic, buyer: Person
) -> None:
    order_id = an_order(buyer, (a_product(stock=5, price=100), 1))
    confirmed = event_of(order_id, "OrderConfirmed")
    delivery.behave("fail")
    calls = [partial(consume, confirmed, receive_count=3) for _ in range(6)]
    assert run_concurrently(calls) == [False] * 6
    assert len(topic.received()) == 1
