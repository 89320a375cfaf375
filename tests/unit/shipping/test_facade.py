"""The shop remembers what the delivery system was told."""

from datetime import timedelta
from uuid import uuid4

from commerce.shared import clock
from commerce.shipping import NoticeKind, NoticeLine, ShipmentNotice, ShippingFacade
from tests.support.memory.shipping import MemoryNoticeRepository


def a_notice() -> ShipmentNotice:
    return ShipmentNotice(uuid4(), NoticeKind.ORDER, (NoticeLine(uuid4(), "Anvil", 2),))


def test_a_notice_is_not_told_until_it_is() -> None:
    shipping, notice, other = ShippingFacade(MemoryNoticeRepository()), a_notice(), a_notice()
    assert not shipping.is_told(notice.order_id, notice.kind)
    shipping.mark_told(notice)
    assert shipping.is_told(notice.order_id, notice.kind)
    assert not shipping.is_told(other.order_id, other.kind)


def test_telling_again_keeps_the_first_time() -> None:
    repository = MemoryNoticeRepository()
    shipping, notice = ShippingFacade(repository), a_notice()
    before = clock.now()
    shipping.mark_told(notice)
    first = repository.delivered[notice.order_id, notice.kind]
    shipping.mark_told(notice)
    assert repository.delivered == {(notice.order_id, notice.kind): first}
    assert before <= first <= before + timedelta(hours=1)
