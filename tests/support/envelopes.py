"""Events as they travel, for consumers to be handed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from commerce.like import ProductLiked, ProductUnliked
from commerce.order.events import LineOrdered, OrderCancelled, OrderConfirmed
from commerce.product import ProductViewed
from commerce.shared.clock import new_id
from commerce.shared.events import Event
from commerce.shared.money import Money


def envelope_of(event: Event, *, at: str | None = None, trace_id: str = "") -> dict[str, Any]:
    """The event's envelope, perhaps as of another moment (RFC 3339)."""
    changed = {"occurred_at": at} if at else {}
    return {**event.envelope(), **changed, "trace_id": trace_id}


def a_view(product: str) -> ProductViewed:
    """Somebody looked."""
    return ProductViewed(aggregate_id=new_id(), aggregate_version=1, product_id=UUID(product))


def a_like(product: str) -> ProductLiked:
    """Somebody liked."""
    return ProductLiked(
        aggregate_id=new_id(), aggregate_version=1, user_id=new_id(), product_id=UUID(product)
    )


def an_unlike(product: str, *, liked_at: str | None = None) -> ProductUnliked:
    """Somebody took it back; without `liked_at`, as it was told before that was."""
    return ProductUnliked(
        aggregate_id=new_id(),
        aggregate_version=2,
        user_id=new_id(),
        product_id=UUID(product),
        liked_at=datetime.fromisoformat(liked_at) if liked_at else None,
    )


def a_cancellation(
    order: OrderConfirmed, *, was_confirmed: bool = True, confirmed_at: str | None = None
) -> OrderCancelled:
    """They called it off; without `confirmed_at`, as it was told before that was."""
    return OrderCancelled(
        aggregate_id=order.aggregate_id,
        aggregate_version=3,
        order_id=order.order_id,
        user_id=order.user_id,
        lines=order.lines,
        total=order.total,
        points_used=order.total,
        card_refund=Money(0),
        was_confirmed=was_confirmed,
        reason="Changed my mind",
        confirmed_at=datetime.fromisoformat(confirmed_at) if confirmed_at else None,
    )


def an_order(*lines: tuple[str, int, int]) -> OrderConfirmed:
    """Somebody bought: of each product so many, at such a price."""
    order_id = new_id()
    return OrderConfirmed(
        aggregate_id=order_id,
        aggregate_version=2,
        order_id=order_id,
        user_id=new_id(),
        lines=tuple(
            LineOrdered(
                product_id=UUID(product),
                product_name="Anvil",
                unit_price=Money(price),
                quantity=quantity,
            )
            for product, quantity, price in lines
        ),
        total=Money(sum(quantity * price for _, quantity, price in lines)),
    )
