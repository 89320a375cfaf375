"""Every minute: orders that nobody paid in time are called off."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeAlias
from uuid import UUID

from commerce.bootstrap import Shop, in_transaction
from commerce.order import OrderView

RUN_SECONDS = 40.0  # a run ends of itself, before the next one begins

_Place: TypeAlias = tuple[datetime, UUID]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Expired:
    """What a run did: orders that it called off, that wait for their payment, that failed."""

    expired: int = 0
    waiting: int = 0
    failed: int = 0


def expire() -> Expired:
    """Call off each order whose time is over, one per transaction; none waits for another.

    An order with a payment that may have been charged waits until the gateway said what became of
    it: the reconciler asks.
    """
    done, walk = Expired(), _Walk()
    ends_at = time.monotonic() + RUN_SECONDS
    while time.monotonic() < ends_at:
        last = walk.last
        try:
            order = in_transaction(partial(walk.expire_next, last))
        except Exception:
            if walk.last == last:
                raise  # it was no order's fault
            logger.exception("an order did not expire; the others do")
            done.failed += 1
            continue
        if order is None:
            break
        if order.status == "CANCELLED":
            done.expired += 1
        else:
            done.waiting += 1
    return done


class _Walk:
    """Goes from order to order, by time and id, past those that stay as they are."""

    def __init__(self) -> None:
        self.last: _Place | None = None

    def expire_next(self, last: _Place | None, shop: Shop) -> OrderView | None:
        """Call off the first order after `last`: tried again, it is the same one."""
        order = shop.orders.lock_next_expired(last)
        if order is None or order.expires_at is None:
            return None
        order_id = UUID(order.order_id)
        self.last = (order.expires_at, order_id)
        if any(each.is_live for each in shop.payments.of_order(order_id)):
            return order
        return shop.orders.expire(order.order_id)
