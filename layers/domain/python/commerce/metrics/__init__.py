"""Metrics: what happened to each product on each day."""

from commerce.metrics.facade import MetricsFacade
from commerce.metrics.model import Tally

__all__ = ["MetricsFacade", "Tally"]
