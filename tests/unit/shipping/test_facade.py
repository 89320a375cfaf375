"""The shipping facade records which notices are to be sent, and which were."""

from datetime import timedelta
from uuid import uuid4

from commerce.shared import clock
from commerce.shipping import NoticeKind, NoticeLine, ShipmentNotice, ShippingFacade
from tests.support.memory.shipping import MemoryShipmentRepository

LINES = (NoticeLine(uuid4(), "Anvil", 2),)


def test_a_confirmed_orders_notice_is_due_until_it_is_sent() -> None:
    shipping, order_id, other_id = ShippingFacade(MemoryShipmentRepository()), uuid4(), uuid4()
    assert [shipping.begin(order_id) for _ in range(2)] == [NoticeKind.ORDER] * 2
    assert shipping.mark_sent(ShipmentNotice(order_id, NoticeKind.ORDER, LINES)) is None
    assert shipping.begin(order_id) is None
    assert shipping.begin(other_id) is NoticeKind.ORDER


def test_a_withdrawal_is_due_until_it_is_sent() -> None:
    shipping, order_id = ShippingFacade(MemoryShipmentRepository()), uuid4()
    shipping.begin(order_id)
    shipping.mark_sent(ShipmentNotice(order_id, NoticeKind.ORDER, LINES))
    assert [shipping.cancel(order_id) for _ in range(2)] == [NoticeKind.WITHDRAWAL] * 2
    assert shipping.mark_sent(ShipmentNotice(order_id, NoticeKind.WITHDRAWAL, LINES)) is None
    assert (shipping.cancel(order_id), shipping.begin(order_id)) == (None, None)


def test_the_sender_learns_of_a_cancellation_in_between() -> None:
    shipping, order_id = ShippingFacade(MemoryShipmentRepository()), uuid4()
    shipping.begin(order_id)
    assert shipping.cancel(order_id) is NoticeKind.ORDER
    notice = ShipmentNotice(order_id, NoticeKind.ORDER, LINES)
    assert shipping.mark_sent(notice) is NoticeKind.WITHDRAWAL


def test_sending_again_keeps_the_first_time() -> None:
    repository = MemoryShipmentRepository()
    shipping, notice = ShippingFacade(repository), ShipmentNotice(uuid4(), NoticeKind.ORDER, LINES)
    before = clock.now()
    shipping.mark_sent(notice)
    first = repository.delivered[notice.order_id, notice.kind]
    shipping.mark_sent(notice)
    assert repository.delivered == {(notice.order_id, notice.kind): first}
    assert before <= first <= before + timedelta(hours=1)
