"""An order with its payments."""

from uuid import UUID

from commerce.app.transactions import in_transaction
from commerce.order import OrderDetailView, OrderFacade
from commerce.payment import PaymentFacade, PaymentView, payment_view


class OrderPage(OrderDetailView):
    """An order with its history and its payments."""

    payments: list[PaymentView]


def order_page(order_id: str, *, buyer_id: UUID) -> OrderPage:
    """Return one of the buyer's orders. Raises OrderNotFound, NotYourOrder."""
    order = in_transaction(OrderFacade.get, order_id, buyer_id=buyer_id)
    payments = in_transaction(PaymentFacade.of_subject, UUID(order.order_id))
    views = [payment_view(each) for each in payments]
    return OrderPage.model_validate({**dict(order), "payments": views})
