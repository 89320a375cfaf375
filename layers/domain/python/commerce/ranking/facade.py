"""The only door to the ranking context, as far as it is in the database. Boards are in Valkey."""

import logging
from datetime import date

from commerce.ranking.commands import SetRankingWeights
from commerce.ranking.model import Ranked, Weights
from commerce.ranking.repository import RankingRepository
from commerce.shared import clock

logger = logging.getLogger(__name__)


class RankingFacade:
    """Weights are set by an admin; a day's ranking can always be computed from its metrics."""

    def __init__(self, rankings: RankingRepository) -> None:
        self._rankings = rankings

    def weights(self) -> Weights:
        """The weights in force; those of SPEC §8 until somebody sets others."""
        return self._rankings.find_weights() or Weights()

    def set_weights(self, command: SetRankingWeights, *, by: str) -> Weights:
        """Let other weights be in force from now on; who set them is kept."""
        before = self.weights()
        after = Weights(version=before.version + 1, **command.model_dump())
        self._rankings.add_weights(after, by=by, at=clock.now())
        logger.info("ranking weights set by %s: %s, before %s", by, after, before)
        return after

    def top_of_day(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        """A part of a day's ranking from the metrics: as its board has it, once all is told."""
        return self._rankings.top(day, weights, offset, limit)
