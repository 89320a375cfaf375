"""The shipping facade records which notices are to be sent, and which were."""

from datetime import timedelta
from uuid import uuid4

from commerce.shared import clock
from commerce.shipping import NoticeKind, NoticeLine, ShipmentNotice, ShippingFacade, ToDeliver
from tests.support.memory.shipping import MemoryShipmentRepository

CONTENT = ToDeliver(0, (NoticeLine(uuid4(), "Anvil", 2),))


def read() -> ToDeliver:
    return CONTENT


def test_a_confirmed_orders_notice_is_due_until_it_is_sent() -> None:
    shipping, order_id, other_id = ShippingFacade(MemoryShipmentRepository()), uuid4(), uuid4()
    notice = ShipmentNotice(order_id, NoticeKind.ORDER, CONTENT)
    assert [shipping.begin(order_id, read) for _ in range(2)] == [notice] * 2
    assert shipping.mark_sent(order_id, read, notice) is None
    assert shipping.begin(order_id, read) is None
    assert shipping.begin(other_id, read) == ShipmentNotice(other_id, NoticeKind.ORDER, CONTENT)


def test_a_withdrawal_is_due_until_it_is_sent() -> None:
    shipping, order_id = ShippingFacade(MemoryShipmentRepository()), uuid4()
    shipping.begin(order_id, read)
    shipping.mark_sent(order_id, read, ShipmentNotice(order_id, NoticeKind.ORDER, CONTENT))
    notice = ShipmentNotice(order_id, NoticeKind.WITHDRAWAL, CONTENT)
    assert [shipping.cancel(order_id, read) for _ in range(2)] == [notice] * 2
    assert shipping.mark_sent(order_id, read, notice) is None
    assert (shipping.cancel(order_id, read), shipping.begin(order_id, read)) == (None, None)


def test_the_sender_learns_of_a_cancellation_in_between() -> None:
    shipping, order_id = ShippingFacade(MemoryShipmentRepository()), uuid4()
    notice = ShipmentNotice(order_id, NoticeKind.ORDER, CONTENT)
    shipping.begin(order_id, read)
    assert shipping.cancel(order_id, read) == notice
    following = shipping.mark_sent(order_id, read, notice)
    assert following == ShipmentNotice(order_id, NoticeKind.WITHDRAWAL, CONTENT)


def test_sending_again_keeps_the_first_time() -> None:
    repository, order_id = MemoryShipmentRepository(), uuid4()
    shipping, notice = (
        ShippingFacade(repository),
        ShipmentNotice(order_id, NoticeKind.ORDER, CONTENT),
    )
    before = clock.now()
    shipping.mark_sent(order_id, read, notice)
    first = repository.delivered[order_id, NoticeKind.ORDER]
    shipping.mark_sent(order_id, read, notice)
    assert repository.delivered == {(order_id, NoticeKind.ORDER): first}
    assert before <= first <= before + timedelta(hours=1)
