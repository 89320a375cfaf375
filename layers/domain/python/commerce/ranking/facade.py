"""The public interface of the ranking context's database part. Boards are in Valkey."""

import logging
from datetime import date

from commerce.ranking.commands import SetRankingWeights
from commerce.ranking.model import Ranked, Weights
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

    def top_of_day(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        """Compute a part of a day's ranking from the metrics.

        Equals the day's board once both have counted the same events.
        """
        return self._rankings.top(day, weights, offset, limit)
