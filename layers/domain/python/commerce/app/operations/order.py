"""An order as operators see it: with its buyer, its payments and its shipment notices."""

from uuid import UUID

from commerce.app.checkout import OrderPage
from commerce.app.transactions import in_transaction
from commerce.order import OrderFacade
from commerce.payment import PaymentFacade, staff_view
from commerce.shared.schemas import Timestamp, View
from commerce.shipping import ShippingFacade


class NoticeView(View):
    """A notice that the delivery system has received of an order: ORDER or WITHDRAWAL."""

    kind: str
    delivered_at: Timestamp


class NoticesView(View):
    """The notices that the delivery system has received of an order."""

    order_id: str
    notices: list[NoticeView]


class OperatorsOrderView(OrderPage):
    """Any buyer's order, with its payments and the notices sent of it."""

    buyer_id: str
    notices: list[NoticeView]


def order_for_operators(order_id: str) -> OperatorsOrderView:
    """Return any order. Raises OrderNotFound."""
    buyer_id, order = in_transaction(OrderFacade.get_for_staff, order_id)
    id_ = UUID(order.order_id)
    payments = in_transaction(PaymentFacade.of_subject, id_)
    notices = in_transaction(ShippingFacade.notices_sent, id_)
    return OperatorsOrderView.model_validate(
        {
            **dict(order),
            "buyer_id": str(buyer_id),
            "payments": [staff_view(each) for each in payments],
            "notices": [NoticeView(kind=kind, delivered_at=at) for kind, at in notices],
        }
    )
