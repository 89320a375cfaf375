"""The public interface of the metrics context."""

from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

from commerce.metrics.model import MetricDelta
from commerce.metrics.repository import MetricsRepository

CONSUMER = "product metrics"
"""The name under which the events that the metrics have counted are claimed."""

_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)


class MetricsFacade:
    """The metrics of products, summed per business day."""

    def __init__(self, metrics: MetricsRepository) -> None:
        self._metrics = metrics

    def add(self, deltas: Sequence[MetricDelta]) -> None:
        """Add each delta to its business day. Not idempotent; the caller deduplicates."""
        self._metrics.add(deltas)

    def ranges(self, days: Sequence[date], rows: int) -> Iterator[tuple[UUID, UUID]]:
        """Split all possible product ids into ranges of about `rows` rows on these days.

        All rows of a product are in one range.

        Yields:
            The id that a range begins after, and its last id. Nothing if the days have no rows.
        """
        after = _FIRST
        if self._metrics.product_id_after(days, after, 0) is None:
            return
        while (upto := self._metrics.product_id_after(days, after, rows - 1)) and (
            self._metrics.product_id_after(days, upto, 0)
        ):
            yield after, upto
            after = upto
        yield after, _LAST
