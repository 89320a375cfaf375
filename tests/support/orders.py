"""Orders through the functions' handlers, and what the database has of them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from commerce import payment
from commerce.app import ordering
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderView
from commerce.order.model import Order, OrderLine
from commerce.order.repository import SqlOrderRepository
from commerce.payment import Payment
from commerce.payment.repository import SqlPaymentRepository
from commerce.shared import clock
from commerce.shared.errors import CommerceError
from commerce.shared.money import Money
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_key, rows


def place(buyer: Person, *lines: tuple[str, int], key: str | None = None, **more: Any) -> Answer:
    """POST /orders, paid by points where no other field says so: (product, quantity) each."""
    body = {
        "lines": [{"product_id": id_, "quantity": quantity} for id_, quantity in lines],
        "payment_method": "POINT",
        **more,
    }
    return call(
        "order/place_order", "POST", "/orders", body=body, token=buyer.token, key=key or a_key()
    )


def won(amount: int) -> dict[str, Any]:
    """An amount, as requests and answers have it."""
    return {"amount": amount, "currency": "KRW"}


def an_order(buyer: Person, *lines: tuple[str, int]) -> str:
    """A confirmed order; returns its id."""
    answer = place(buyer, *lines)
    assert answer.status == 201, answer.json
    return str(answer.json["order_id"])


def a_pending_order(
    buyer: Person, product_id: str, *, points: int, expires_in: timedelta = timedelta(0)
) -> str:
    """Place an order of one unit that waits for its card, with any time to pay."""

    def place_it(shop: Shop) -> str:
        offers = shop.products.offers([product_id])
        offer = offers[UUID(product_id)]
        line = OrderLine(
            offer.product_id, offer.name, offer.brand_id, "Acme", offer.price, quantity=1
        )
        order = Order.awaiting_card(
            id_=clock.new_id(),
            buyer_id=buyer.user_id,
            lines=[line],
            points=Money(points),
            at=clock.now(),
            expires_at=clock.now() + expires_in,
        )
        shop.products.sell([(offer.product_id, 1)], offers, order.id, by=f"user:{buyer.user_id}")
        SqlOrderRepository(shop.uow).add(order)
        shop.points.spend(buyer.user_id, order.points_used, order.id)
        return str(order.id)

    return in_transaction(place_it)


def cancel(buyer: Person, order_id: str, **request: Any) -> Answer:
    """POST /orders/{order_id}/cancellation."""
    path = f"/orders/{order_id}/cancellation"
    return call("order/cancel_order", "POST", path, token=buyer.token, **request)


def cancel_as_admin(admin: Person, order_id: str, **request: Any) -> Answer:
    """POST /admin/orders/{order_id}/cancellation."""
    path = f"/admin/orders/{order_id}/cancellation"
    return call("order/cancel_order_as_admin", "POST", path, token=admin.token, **request)


def ship(admin: Person, order_id: str, **body: Any) -> Answer:
    """POST /admin/orders/{order_id}/shipment."""
    path = f"/admin/orders/{order_id}/shipment"
    return call("order/ship_order", "POST", path, token=admin.token, body=body or None)


def deliver(admin: Person, order_id: str, **body: Any) -> Answer:
    """POST /admin/orders/{order_id}/delivery."""
    path = f"/admin/orders/{order_id}/delivery"
    return call("order/deliver_order", "POST", path, token=admin.token, body=body or None)


def resend_notice(admin: Person, order_id: str, reason: Any = "It never arrived there") -> Answer:
    """POST /admin/orders/{order_id}/notices."""
    path = f"/admin/orders/{order_id}/notices"
    body = {"reason": reason}
    return call("shipping/resend_notice", "POST", path, token=admin.token, body=body)


def expire(order_id: str) -> str:
    """Expire the order; return its new status, or the code of the refusal."""
    return _step(lambda shop: ordering.expire_order(shop, order_id))


def confirm(order_id: str) -> str:
    """Confirm the order as its charge would; return its status, or NOT_PENDING."""

    def paid(shop: Shop) -> str:
        id_ = UUID(order_id)
        if not shop.orders.awaits_payment(id_):
            return "NOT_PENDING"
        return shop.orders.mark_paid(id_, _charge(shop, order_id)).status

    return in_transaction(paid)


def charge(order_id: str) -> None:
    """Store a payment of what is due, which has succeeded; its order stays as it is."""
    in_transaction(_charge, order_id)


def _charge(shop: Shop, order_id: str) -> Money:
    _, order = shop.orders.get_for_staff(order_id)
    amount = Money(order.card_amount.amount)
    SqlPaymentRepository(shop.uow).add(_charged(UUID(order_id), amount))
    return amount


def _charged(order_id: UUID, amount: Money) -> Payment:
    return Payment(
        id=clock.new_id(),
        order_id=order_id,
        buyer_id=clock.new_id(),
        amount=amount,
        card_type="KB",
        card_last4="9876",
        status=payment.Status.SUCCEEDED,
        requested_at=clock.now(),
        changed_at=clock.now(),
        transaction_key=str(clock.new_id()),
        version=1,
    )


def _step(step: Callable[[Shop], OrderView]) -> str:
    try:
        return in_transaction(step).status
    except CommerceError as refused:
        return refused.code


def outcome(answer: Answer) -> str:
    """200 or 201, or the code of the refusal."""
    return str(answer.status) if answer.status < 400 else str(answer.json["code"])


def status_of(order_id: str) -> str:
    """Return the order's status."""
    return str(rows("SELECT status FROM orders WHERE id = $1", order_id)[0].status)


def history_of(order_id: str) -> list[tuple[str, str, str]]:
    """(status, by, reason) of each step."""
    sql = 'SELECT status, "by", reason FROM order_history WHERE order_id = $1 ORDER BY position'
    return [tuple(row) for row in rows(sql, order_id)]


def events_of(order_id: str) -> list[Mapping[str, Any]]:
    """Return the envelopes of the order's events, in their order."""
    sql = """
        SELECT id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data
        FROM outbox WHERE aggregate_id = $1 ORDER BY position
    """
    return [
        {
            **row._asdict(),
            "id": str(row.id),
            "aggregate_id": str(row.aggregate_id),
            "occurred_at": clock.rfc3339(row.occurred_at),
        }
        for row in rows(sql, order_id)
    ]


def types_of(order_id: str) -> list[str]:
    """The types of these events."""
    return [event["type"] for event in events_of(order_id)]
