"""Metrics: what happened to each product on each day."""

from commerce.metrics.facade import MetricsFacade
from commerce.metrics.model import ProductRange, Tally
from commerce.metrics.repository import business_time_zone
from commerce.metrics.sums import product_sums

__all__ = ["MetricsFacade", "ProductRange", "Tally", "business_time_zone", "product_sums"]
