"""Returns and refunds by staff: goods and money go back in one transaction, each once."""

from commerce.app.ordering import refund_card, refund_points
from commerce.app.shop import Shop
from commerce.order import (
    Order,
    OrderView,
    ReceiveReturn,
    RefundOrder,
    ReturnView,
    order_view,
    return_view,
)


def receive_return(shop: Shop, return_id: str, command: ReceiveReturn, *, by: str) -> ReturnView:
    """Take units of a return in, refund what was paid for them, and restock those that may be sold.

    A unit that a drop has sold stays the drop's sale: what is restocked is the product's stock.

    Raises ReturnNotFound, ReturnNotPossible.
    """
    order = shop.orders.receive_return(return_id, command, by=by)
    received = order.changed_return
    if received is None:
        raise ValueError(f"return {return_id} was received, and did not change")
    _refund(shop, order)
    restocked = [
        (each.product_id, each.restocked_quantity)
        for each in received.lines
        if each.restocked_quantity
    ]
    if restocked:
        shop.products.receive(restocked, order.id, by=by)
    return return_view(order, received)


def refund_order(shop: Shop, order_id: str, command: RefundOrder, *, by: str) -> OrderView:
    """Refund a part of what was paid for an order. Raises OrderNotFound, RefundExceedsPaid."""
    order = shop.orders.refund_by_staff(order_id, command, by=by)
    _refund(shop, order)
    return order_view(order)


def _refund(shop: Shop, order: Order) -> None:
    refund_card(shop, order)
    refund_points(shop, order)
