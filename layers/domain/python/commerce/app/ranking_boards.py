"""The live ranking boards of this execution environment, and the weights of their scores."""

import logging
import time
from functools import cache

from commerce.app.transactions import in_transaction
from commerce.ranking import Boards, Period, RankingFacade, Weights, Window
from commerce.runtime import business_time
from commerce.runtime.cache.valkey import strict_valkey, valkey
from commerce.shared import clock
from commerce.shared.errors import Busy, Unavailable

logger = logging.getLogger(__name__)


@cache
def boards() -> Boards:
    """Return the boards for readers; without Valkey they are empty."""
    return Boards(valkey(), business_time.zone)


def write_boards() -> Boards:
    """Return the boards for writers; without Valkey they raise Unavailable."""
    return Boards(strict_valkey(), business_time.zone)


def todays_rank(product_id: str) -> int | None:
    """Return a product's rank today, in one round trip to Valkey; None if it is not ranked."""
    today = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    return boards().rank(today, product_id)


@cache
def ranking_weights() -> "WeightsInForce":
    """Return this execution environment's cache of the weights."""
    return WeightsInForce()


class WeightsInForce:
    """The newest weights, read again after 20 seconds: within a minute all boards follow them."""

    CACHE_SECONDS = 20.0

    def __init__(self) -> None:
        self._cached: Weights | None = None
        self._until = 0.0

    def get(self) -> Weights:
        """Return the weights; while the database is down, the last ones read."""
        if self._cached is None or time.monotonic() >= self._until:
            try:
                self._cached = in_transaction(RankingFacade.weights)
            except (Unavailable, Busy):
                if self._cached is None:
                    raise
                logger.warning(
                    "the ranking weights could not be read; the last ones are used", exc_info=True
                )
            self._until = time.monotonic() + self.CACHE_SECONDS
        return self._cached
