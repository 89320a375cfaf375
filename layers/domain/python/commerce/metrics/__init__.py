"""Metrics: what happened to each product on each day."""

from commerce.metrics.facade import CONSUMER, MetricsFacade
from commerce.metrics.model import ProductRange, Tally
from commerce.metrics.sums import product_sums

__all__ = ["CONSUMER", "MetricsFacade", "ProductRange", "Tally", "product_sums"]
