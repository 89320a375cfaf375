"""Every minute: orders that nobody paid in time are called off."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from commerce.bootstrap import Shop, in_transaction
from commerce.order import OrderView

RUN_SECONDS = 40.0  # a run ends of itself, before the next one begins


@dataclass(slots=True)
class Expired:
    """What a run did: orders that it called off, and those whose payment is not settled yet."""

    expired: int = 0
    waiting: int = 0


def expire() -> Expired:
    """Call off each order whose time is over, one per transaction; nobody waits for another's.

    An order with a payment that may have been charged waits until the gateway said what became of
    it: the reconciler asks.
    """
    done = Expired()
    after: tuple[datetime, UUID] | None = None
    ends_at = time.monotonic() + RUN_SECONDS
    while time.monotonic() < ends_at:
        order = in_transaction(partial(_expire_next, after))
        if order is None:
            break
        if order.status == "CANCELLED":
            done.expired += 1
        else:
            done.waiting += 1
        after = _place_of(order)
    return done


def _expire_next(after: tuple[datetime, UUID] | None, shop: Shop) -> OrderView | None:
    order = shop.orders.lock_next_expired(after)
    if order is None:
        return None
    payments = shop.payments.of_order(UUID(order.order_id))
    if any(each.is_live for each in payments):
        return order
    return shop.orders.expire(order.order_id)


def _place_of(order: OrderView) -> tuple[datetime, UUID] | None:
    return (order.expires_at, UUID(order.order_id)) if order.expires_at else None
