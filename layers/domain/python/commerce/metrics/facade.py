"""The only door to the metrics context."""

from collections.abc import Sequence

from commerce.metrics.model import Tally
from commerce.metrics.repository import MetricsRepository

CONSUMER = "product metrics"
"""Under this name the events are claimed that the days have counted."""


class MetricsFacade:
    """Adds up what events tell, per product and business day."""

    def __init__(self, metrics: MetricsRepository) -> None:
        self._metrics = metrics

    def add(self, tallies: Sequence[Tally]) -> None:
        """Add each tally to the day on which it happened. Whoever calls sees to it that once."""
        self._metrics.add(tallies)
