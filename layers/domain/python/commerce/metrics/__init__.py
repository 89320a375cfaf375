"""Metrics: each product's views, likes and orders per business day."""

from commerce.metrics.facade import CONSUMER, MetricsFacade
from commerce.metrics.model import MetricDelta

__all__ = ["CONSUMER", "MetricDelta", "MetricsFacade"]
