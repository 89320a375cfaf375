"""What shoppers see of the rankings: places from the boards, products from the catalogue.

Where Valkey does not answer, or has no board of a day, the day's metrics do: a view or an order
may show there some seconds later or earlier than it did on the board. An hour has no such second
source: its ranking is empty until Valkey is back.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from commerce.app.catalogue import Catalogue, catalogue
from commerce.app.ranking_boards import boards, ranking_weights
from commerce.app.transactions import in_transaction
from commerce.ranking import (
    Boards,
    Period,
    Ranked,
    RankedProductView,
    RankingFacade,
    RankingView,
    Weights,
    parse_key,
    periods,
    running_key,
    window_of_key,
)
from commerce.ranking.periods import PeriodicalRankingFacade
from commerce.runtime import business_time
from commerce.runtime.cache.read_through import Cache, CacheRegion, shared_cache
from commerce.shared import clock
from commerce.shared.schemas import View


class Places(View):
    """A part of a ranking, as it is kept for a while."""

    items: list[Ranked]


# A day that has no board costs a statement over eight days of metrics.
DAYS = CacheRegion("ranking-of-day", 1, Places, 30)
COMPUTED_SECONDS = 10  # the same, in this environment: Valkey may be what is missing
MAX_COMPUTED = 100


@dataclass(frozen=True, slots=True)
class _Computed:
    places: Places
    until: float


class Rankings:
    """Rankings with their products."""

    def __init__(self, boards: Boards, catalogue: Catalogue, cache: Cache) -> None:
        self._boards = boards
        self._catalogue = catalogue
        self._cache = cache
        self._computed: dict[str, _Computed] = {}

    def page(self, period: Period, at: str | None, *, limit: int, page: int) -> RankingView:
        """A page of a ranking; empty where there is none. Raises InvalidMoment.

        One trip to Valkey for the places and one for the kept products, two statements for those
        that are not kept; products that are no more are left out.
        """
        key = (
            parse_key(period, at) if at else running_key(period, clock.now(), business_time.zone())
        )
        places = self._places(period, key, (page - 1) * limit, limit)
        cards = self._catalogue.summaries([str(place.product_id) for place in places])
        return RankingView(
            items=[
                RankedProductView(rank=place.rank, score=place.score, product=cards[product_id])
                for place in places
                if (product_id := str(place.product_id)) in cards
            ]
        )

    def _places(self, period: Period, key: str, offset: int, limit: int) -> list[Ranked]:
        if period in (Period.WEEKLY, Period.MONTHLY):
            span = periods.Period(period)
            return in_transaction(PeriodicalRankingFacade.page, span, key, offset, limit)
        window = window_of_key(period, key)
        weights = ranking_weights().get()
        found = self._boards.page(window, weights, offset, limit)
        if found is not None and found.exists:
            return found.items
        if period is Period.HOURLY:
            return []
        return self._of_day(key, weights, offset, limit)

    def _of_day(self, key: str, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        day = window_of_key(Period.DAILY, key).begins.date()
        today = clock.now().astimezone(business_time.zone()).date()
        if day > today + timedelta(days=1):
            return []

        name = f"{key}:{weights.version}:{offset}:{limit}"

        def load() -> Places:
            if name not in self._computed or time.monotonic() > self._computed[name].until:
                found = in_transaction(RankingFacade.top_of_day, day, weights, offset, limit)
                if len(self._computed) >= MAX_COMPUTED:
                    self._computed.clear()
                until = time.monotonic() + COMPUTED_SECONDS
                self._computed[name] = _Computed(Places(items=found), until)
            return self._computed[name].places

        return self._cache.get(DAYS, name, load).items


@cache
def rankings() -> Rankings:
    """The rankings of this execution environment."""
    return Rankings(boards(), catalogue(), shared_cache())
