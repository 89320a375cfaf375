"""The public interface of the ranking context's database part. Boards are in Valkey."""

import logging
from datetime import date
from uuid import UUID

from commerce.ranking.commands import SetRankingWeights
from commerce.ranking.model import LAST_RANK, Ranked, Weights
from commerce.ranking.repository import RankingRepository
from commerce.shared import clock

logger = logging.getLogger(__name__)


class RankingFacade:
    """The ranking weights, and rankings of days computed from the products' metrics."""

    def __init__(self, rankings: RankingRepository) -> None:
        self._rankings = rankings

    def weights(self) -> Weights:
        """Return the newest weights; the default ones if none were ever set."""
        return self._rankings.find_weights() or Weights()

    def set_weights(self, command: SetRankingWeights, *, by: str) -> Weights:
        """Set the weights from now on. Former ones stay stored, with who set them."""
        before = self.weights()
        after = Weights(version=before.version + 1, **command.model_dump())
        self._rankings.add_weights(after, by=by, at=clock.now())
        logger.info("ranking weights set by %s: %s, before %s", by, after, before)
        return after

    def top_of_day(self, day: date, weights: Weights) -> list[Ranked]:
        """Compute a day's ranking from the metrics, down to the last rank that is shown.

        Equals the day's board once both have counted the same events. Reads eight days of metrics,
        so one is computed at a time; raises Busy where that takes too long.
        """
        return self._rankings.top(day, weights, 0, LAST_RANK)

    def scores_of_day(
        self, day: date, weights: Weights, after: UUID, limit: int
    ) -> dict[UUID, float]:
        """Compute the scores of products with activity on the day, by their ids.

        They are the next `limit` after the id `after`; each equals the board's once both have
        counted the same events.
        """
        return self._rankings.scores(day, weights, after, limit)
