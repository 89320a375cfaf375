"""The views of orders."""

from typing import Annotated

from commerce.order.model import Order, OrderLine, RefundKind, Status
from commerce.order.returns import Return, ReturnStatus
from commerce.shared.money import Money
from commerce.shared.postal import PostalAddress
from commerce.shared.schemas import MoneyView, Timestamp, View, money_view, one_of


class OrderLineView(View):
    """A product that was bought, with its name and price at that moment."""

    product_id: str
    product_name: str
    brand_id: str
    brand_name: str
    unit_price: MoneyView
    quantity: int
    cancelled_quantity: int
    returned_quantity: int


class OrderView(View):
    """An order without its history."""

    order_id: str
    status: Annotated[str, one_of(Status)]
    total: MoneyView
    discount: MoneyView
    points_used: MoneyView
    card_amount: MoneyView
    refunded: MoneyView
    lines: list[OrderLineView]
    placed_at: Timestamp
    expires_at: Timestamp | None
    drop_entry_id: str | None = None
    ship_to: PostalAddress | None = None


class OrderHistoryEntryView(View):
    """One entry of an order's history."""

    status: Annotated[str, one_of(Status)]
    at: Timestamp
    by: str
    reason: str


class ShipmentView(View):
    """The goods on their way; what is not known is null."""

    carrier: str | None
    tracking_number: str | None
    shipped_at: Timestamp
    delivered_at: Timestamp | None


class OrderRefundView(View):
    """Money that went back to the buyer, or is about to: to the card, and as points."""

    refund_id: str
    kind: Annotated[str, one_of(RefundKind)]
    amount: MoneyView
    card_amount: MoneyView
    points: MoneyView
    at: Timestamp


class ReturnLineView(View):
    """Units that are to go back and why, and those of them that came and can be sold again."""

    product_id: str
    product_name: str
    quantity: int
    reason: str
    received_quantity: int
    restocked_quantity: int


class ReturnView(View):
    """Units of an order that go back; `refunded` is what was paid for those that came."""

    return_id: str
    order_id: str
    status: Annotated[str, one_of(ReturnStatus)]
    lines: list[ReturnLineView]
    requested_at: Timestamp
    ended_at: Timestamp | None
    rejection_reason: str | None
    refund_id: str | None
    refunded: MoneyView


class OrderDetailView(OrderView):
    """An order with its history, refunds and returns, and its shipment once there is one."""

    shipment: ShipmentView | None = None
    refunds: list[OrderRefundView]
    returns: list[ReturnView]
    history: list[OrderHistoryEntryView]


def order_view(order: Order) -> OrderView:
    """Make the view of an order without its history."""
    return OrderView.model_validate(_fields(order))


def detail_view(order: Order) -> OrderDetailView:
    """Make the view of an order with its history."""
    history = [
        OrderHistoryEntryView(status=entry.status, at=entry.at, by=entry.by, reason=entry.reason)
        for entry in order.history
    ]
    return OrderDetailView.model_validate(
        {
            **_fields(order),
            "shipment": _shipment(order),
            "refunds": _refunds(order),
            "returns": [return_view(order, each) for each in order.returns],
            "history": history,
        }
    )


def return_view(order: Order, returned: Return) -> ReturnView:
    """Make the view of one of an order's returns."""
    amounts = {each.id: each.amount for each in order.refunds}
    none = Money.zero(order.total.currency)
    return ReturnView(
        return_id=str(returned.id),
        order_id=str(order.id),
        status=returned.status,
        lines=[
            ReturnLineView(
                product_id=str(line.product_id),
                product_name=line.product_name,
                quantity=line.quantity,
                reason=line.reason,
                received_quantity=line.received_quantity,
                restocked_quantity=line.restocked_quantity,
            )
            for line in returned.lines
        ],
        requested_at=returned.requested_at,
        ended_at=returned.ended_at,
        rejection_reason=returned.rejection_reason,
        refund_id=str(returned.refund_id) if returned.refund_id else None,
        refunded=money_view(amounts[returned.refund_id] if returned.refund_id else none),
    )


def _refunds(order: Order) -> list[OrderRefundView]:
    return [
        OrderRefundView(
            refund_id=str(each.id),
            kind=each.kind,
            amount=money_view(each.amount),
            card_amount=money_view(each.card),
            points=money_view(each.points),
            at=each.at,
        )
        for each in order.refunds
    ]


def _cancelled_quantity(order: Order, line: OrderLine) -> int:
    is_cancelled = order.status is Status.CANCELLED
    return line.quantity - line.returned_quantity if is_cancelled else line.cancelled_quantity


def _shipment(order: Order) -> ShipmentView | None:
    if order.shipped_at is None:
        return None
    return ShipmentView(
        carrier=order.tracking.carrier,
        tracking_number=order.tracking.number,
        shipped_at=order.shipped_at,
        delivered_at=order.delivered_at,
    )


def _fields(order: Order) -> dict[str, object]:
    return {
        "order_id": str(order.id),
        "status": order.status.value,
        "total": money_view(order.total),
        "discount": money_view(order.discount),
        "points_used": money_view(order.points_used),
        "card_amount": money_view(order.card_amount),
        "refunded": money_view(order.refunded),
        "lines": [
            OrderLineView(
                product_id=str(line.product_id),
                product_name=line.product_name,
                brand_id=str(line.brand_id),
                brand_name=line.brand_name,
                unit_price=money_view(line.unit_price),
                quantity=line.quantity,
                cancelled_quantity=_cancelled_quantity(order, line),
                returned_quantity=line.returned_quantity,
            )
            for line in order.lines
        ],
        "placed_at": order.placed_at,
        "expires_at": order.expires_at if order.status is Status.PENDING else None,
        "drop_entry_id": str(order.drop_entry_id) if order.drop_entry_id else None,
        "ship_to": order.ship_to,
    }
