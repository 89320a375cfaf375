"""The live ranking boards of this environment, and the weights that they are scored by."""

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
    """Return the boards for readers: without Valkey there are none."""
    return Boards(valkey(), business_time.zone)


def write_boards() -> Boards:
    """Return the boards for writers, who get Unavailable without Valkey."""
    return Boards(strict_valkey(), business_time.zone)


def todays_rank(product_id: str) -> int | None:
    """Return a product's rank today, in one trip to Valkey; None where it has none."""
    today = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    return boards().rank(today, product_id)


@cache
def ranking_weights() -> "WeightsInForce":
    """Return the weights as this execution environment knows them."""
    return WeightsInForce()


class WeightsInForce:
    """The newest weights, read again after 20 seconds: within a minute all boards follow them."""

    KNOWN_SECONDS = 20.0

    def __init__(self) -> None:
        self._known: Weights | None = None
        self._until = 0.0

    def get(self) -> Weights:
        """Return the weights; while the database is down, the last ones known."""
        if self._known is None or time.monotonic() >= self._until:
            try:
                self._known = in_transaction(RankingFacade.weights)
            except (Unavailable, Busy):
                if self._known is None:
                    raise
                logger.warning("the ranking weights are as last known", exc_info=True)
            self._until = time.monotonic() + self.KNOWN_SECONDS
        return self._known
