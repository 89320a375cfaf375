"""An order with its payments."""

from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderDetailView
from commerce.payment import PaymentView, payment_view
from commerce.shared import cursor


class OrderPage(OrderDetailView):
    """An order with its history and its payments."""

    payments: list[PaymentView]


def order_page(order_id: str, *, buyer_id: UUID) -> OrderPage:
    """Return one of the buyer's orders. Raises OrderNotFound, NotYourOrder."""
    return in_transaction(_order_page, order_id, buyer_id)


def _order_page(shop: Shop, order_id: str, buyer_id: UUID) -> OrderPage:
    if id_ := cursor.parse_id(order_id):
        shop.read_ahead(*shop.orders.reads_of_order(id_), *shop.payments.reads_of_subject(id_))
    order = shop.orders.get(order_id, buyer_id=buyer_id)
    payments = [payment_view(each) for each in shop.payments.of_subject(UUID(order.order_id))]
    return OrderPage.model_validate({**dict(order), "payments": payments})
