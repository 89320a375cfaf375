"""Metrics: what happened to each product on each day."""

from typing import TYPE_CHECKING, Any

from commerce.metrics.facade import CONSUMER, MetricsFacade
from commerce.metrics.model import MetricDelta, ProductRange

if TYPE_CHECKING:
    from sqlalchemy import Select

__all__ = ["CONSUMER", "MetricDelta", "MetricsFacade", "ProductRange", "product_sums"]


def product_sums() -> "Select[Any]":
    """What the products of a range did on some days, to be read inside another's statement.

    See `commerce.metrics.sums`, which is imported with SQLAlchemy, and so no sooner.
    """
    from commerce.metrics import sums

    return sums.product_sums()
