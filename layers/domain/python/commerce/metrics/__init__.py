"""Metrics: what happened to each product on each day."""

from commerce.metrics.facade import CONSUMER, MetricsFacade
from commerce.metrics.model import Tally
from commerce.metrics.tables import product_metrics_daily_table

__all__ = ["CONSUMER", "MetricsFacade", "Tally", "product_metrics_daily_table"]
