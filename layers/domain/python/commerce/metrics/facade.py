"""The only door to the metrics context."""

from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

from commerce.metrics.model import MetricDelta, ProductRange
from commerce.metrics.repository import MetricsRepository

CONSUMER = "product metrics"
"""Under this name the events are claimed that the days have counted."""

_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class MetricsFacade:
    """Adds up what events tell, per product and business day."""

    def __init__(self, metrics: MetricsRepository) -> None:
        self._metrics = metrics

    def add(self, deltas: Sequence[MetricDelta]) -> None:
        """Add each delta to the day on which it happened. Whoever calls sees to it that once."""
        self._metrics.add(deltas)

    def ranges(self, days: Sequence[date], rows: int) -> Iterator[ProductRange]:
        """Cut all products into ranges of so many rows on these days, a product never in two.

        A range has as many rows more as its last product has days left; the last may have fewer.
        Together they hold every id there can be, and there is none where there are no rows.
        """
        after = _FIRST
        if self._metrics.product_id_after(days, after, 0) is None:
            return
        while (upto := self._metrics.product_id_after(days, after, rows - 1)) and (
            self._metrics.product_id_after(days, upto, 0)
        ):
            yield ProductRange(after, upto)
            after = upto
        yield ProductRange(after, _LAST)
