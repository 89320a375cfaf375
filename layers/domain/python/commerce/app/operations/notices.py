"""Sending the delivery system an order's notice again."""

from functools import partial
from uuid import UUID

from commerce.app.fulfilment import notice_sender, to_deliver
from commerce.app.operations.commands import ResendNotice
from commerce.app.operations.errors import NothingToSend
from commerce.app.operations.order import NoticesView, NoticeView
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.shipping import ShippingFacade

_SENT_OF = ("CONFIRMED", "CANCELLED")


def repeat_notice(order_id: str, command: ResendNotice, *, by: str) -> NoticesView:
    """Send the delivery system what it is to know of an order, whether it was sent before or not.

    However often and by how many at once: a notice keeps its key, by which the delivery system
    knows one that it has. Raises OrderNotFound, NothingToSend, DeliverySystemFailed.
    """
    id_ = in_transaction(_begin, order_id, command.reason, by=by)
    notice_sender().update_order(id_)
    notices = in_transaction(ShippingFacade.notices_sent, id_)
    return NoticesView(
        order_id=str(id_),
        notices=[NoticeView(kind=kind, delivered_at=at) for kind, at in notices],
    )


def _begin(shop: Shop, order_id: str, reason: str, *, by: str) -> UUID:
    _, order = shop.orders.get_for_staff(order_id)
    id_, status = UUID(order.order_id), order.status
    if status not in _SENT_OF:
        raise NothingToSend
    notice = shop.shipping.repeat(
        id_, partial(to_deliver, shop, id_), is_cancelled=status == "CANCELLED"
    )
    if notice is None:
        raise NothingToSend
    after = {"kind": notice.kind.value, "reason": reason}
    audit.record(shop.uow, Change(by, "resend notice", id_, {}, after))
    return id_
