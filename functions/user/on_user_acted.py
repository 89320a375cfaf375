"""Actions of users -> one line each in the user-action log."""

from collections.abc import Sequence
from typing import Any

from commerce.coupon import CouponIssued, CouponReturned, CouponUsed
from commerce.entrypoints.queue import Received, batch_handler
from commerce.entrypoints.telemetry import logger
from commerce.like import ProductLiked, ProductUnliked
from commerce.order import OrderPlaced
from commerce.point import PointsCharged
from commerce.product import ProductViewed
from commerce.shared import clock
from commerce.user import UserErased, UserSignedUp

ACTIONS = (
    UserSignedUp,
    UserErased,
    PointsCharged,
    ProductViewed,
    ProductLiked,
    ProductUnliked,
    OrderPlaced,
    CouponIssued,
    CouponUsed,
    CouponReturned,
)


def log_actions(received: Sequence[Received[Any]]) -> None:
    for each in received:
        logger.info(
            "user action",
            action=type(each.event).__name__,
            occurred_at=clock.rfc3339(each.occurred_at),
            event_id=str(each.id),
            correlation_id=each.trace_id,
            user_id=_id(each.event, "user_id"),
            product_id=_id(each.event, "product_id"),
            order_id=_id(each.event, "order_id"),
            coupon_id=_id(each.event, "coupon_id"),
        )


def _id(event: object, name: str) -> str | None:
    found = getattr(event, name, None)
    return str(found) if found else None


handler = batch_handler(ACTIONS, log_actions)
