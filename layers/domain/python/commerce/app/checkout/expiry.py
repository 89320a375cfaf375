"""The cancellation of orders that were not paid in time."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from commerce.app.ordering import expire_order
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.order import OrderView
from commerce.runtime.deadline import Deadline

RUN_SECONDS = 40.0  # a run ends before the next one begins

_Position: TypeAlias = tuple[datetime, UUID]

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Expired:
    """The result of a run: orders that expired, that wait for their payment, that failed."""

    expired: int = 0
    waiting: int = 0
    failed: int = 0


def expire_orders() -> Expired:
    """Cancel each order whose time is over, one per transaction; none waits for another.

    An order with a payment that may have been charged is left until the reconciler has the
    gateway's result.
    """
    done, progress = Expired(), _Progress()
    run = Deadline.within(RUN_SECONDS)
    while not run.is_over:
        last = progress.last
        try:
            order = in_transaction(_expire_next, progress, last)
        except Exception:
            if progress.last == last:
                raise  # the failure is not about one order
            logger.exception("an order did not expire; the run goes on")
            done.failed += 1
            continue
        if order is None:
            break
        if order.status == "CANCELLED":
            done.expired += 1
        else:
            done.waiting += 1
    return done


@dataclass(slots=True)
class _Progress:
    """The time and id of the last order that was tried."""

    last: _Position | None = None


def _expire_next(shop: Shop, progress: _Progress, last: _Position | None) -> OrderView | None:
    # `last` is an argument: a transaction that is retried starts from the same order.
    order = shop.orders.lock_next_expired(last)
    if order is None or order.expires_at is None:
        return None
    order_id = UUID(order.order_id)
    progress.last = (order.expires_at, order_id)
    if any(each.is_live for each in shop.payments.of_subject(order_id)):
        return order
    return expire_order(shop, order.order_id)
