"""Rankings for shoppers: ranks from the boards, products from the catalogue.

Without Valkey, or without a board, a day's ranking is the one that was published of it last, as for
weeks and months. The running days, until they have been ranked so, are computed from the metrics;
there a view or an order may count some seconds later or earlier than on the board. An hour has no
second source: its ranking is empty until Valkey is back.
"""

import time
from functools import cache

from commerce.app.catalogue import Catalogue, catalogue
from commerce.app.ranking_boards import boards, ranking_weights
from commerce.app.transactions import in_transaction
from commerce.product import ProductView
from commerce.ranking import (
    LAST_RANK,
    Boards,
    PageTooDeep,
    Period,
    Ranked,
    RankingFacade,
    Weights,
    Window,
    parse_key,
    periods,
    window_of_key,
)
from commerce.ranking.periods import PeriodicalRankingFacade, Span
from commerce.runtime import business_time
from commerce.runtime.cache.read_through import Cache, CacheRegion, shared_cache
from commerce.shared import clock
from commerce.shared.schemas import View


class RankedProductView(View):
    """A product with its place; `rank` counts from 1, over all pages."""

    rank: int
    score: float
    product: ProductView


class RankingView(View):
    """A page of the ranking of one hour, day, week or month (`at`), the best first."""

    period: Period
    at: str
    items: list[RankedProductView]


class RankingPart(View):
    """A cached ranking of a day, down to the last rank that is shown."""

    items: list[Ranked]


# A running day without a board costs a statement over eight days of metrics, until it is published.
# It is made once for all pages, and kept in this execution environment too, because Valkey may be
# what is missing.
RUNNING_DAYS = CacheRegion("ranking-of-day", 2, RankingPart, 30)
OLDEST_BOARD_DAYS = 2  # spec §9: a day's board is kept for so long
WAIT_SECONDS = 2.0  # for another environment that is computing the same day
COMPUTED_SECONDS = 30
MAX_COMPUTED = 8


class Rankings:
    """Rankings with their products."""

    def __init__(self, boards: Boards, catalogue: Catalogue, cache: Cache) -> None:
        self._boards = boards
        self._catalogue = catalogue
        self._cache = cache
        self._computed: dict[str, tuple[RankingPart, float]] = {}  # with the end of its validity

    def page(self, period: Period, at: str | None, *, limit: int, page: int) -> RankingView:
        """Return a page of a ranking; empty where there is none.

        Without `at` it is the running hour or day, or the last finished week or month. Raises
        InvalidMoment, PageTooDeep.

        Takes one round trip to Valkey for the ranks and one for the cached products, and two
        statements for those not cached. Products that no longer exist are left out.
        """
        if page * limit > LAST_RANK:
            raise PageTooDeep(LAST_RANK)
        key = parse_key(period, at) if at else _newest_key(period)
        ranked = self._ranked(period, key, (page - 1) * limit, limit)
        products = self._catalogue.summaries([str(each.product_id) for each in ranked])
        return RankingView(
            period=period,
            at=key,
            items=[
                RankedProductView(rank=each.rank, score=each.score, product=products[product_id])
                for each in ranked
                if (product_id := str(each.product_id)) in products
            ],
        )

    def _ranked(self, period: Period, key: str, offset: int, limit: int) -> list[Ranked]:
        if period in (Period.WEEKLY, Period.MONTHLY):
            return _published(period, key, offset, limit)
        window = window_of_key(period, key)
        weights = ranking_weights().get()
        found = self._boards.page(window, weights, offset, limit)
        if found is not None and found.exists:
            return found.items
        if period is Period.HOURLY:
            return []
        if not _is_running(window):
            return _published(period, key, offset, limit)
        whole = _published(period, key, 0, LAST_RANK) or self._of_running_day(window, weights)
        return whole[offset : offset + limit]

    def _of_running_day(self, window: Window, weights: Weights) -> list[Ranked]:
        name = f"{window.key}:{weights.version}"

        def load() -> RankingPart:
            if name not in self._computed or time.monotonic() > self._computed[name][1]:
                found = in_transaction(RankingFacade.top_of_day, window.begins.date(), weights)
                if len(self._computed) >= MAX_COMPUTED:
                    self._computed.clear()
                until = time.monotonic() + COMPUTED_SECONDS
                self._computed[name] = RankingPart(items=found), until
            return self._computed[name][0]

        return self._cache.get_once(RUNNING_DAYS, name, load, WAIT_SECONDS).items


def _published(period: Period, key: str, offset: int, limit: int) -> list[Ranked]:
    span = periods.Period(period)
    return in_transaction(PeriodicalRankingFacade.page, span, key, offset, limit)


def _is_running(day: Window) -> bool:
    """Tell whether a day may have a board: today, yesterday, and tomorrow by what is carried."""
    now, zone = clock.now(), business_time.zone()
    age = (now.astimezone(zone).date() - day.begins.date()).days
    return -1 <= age <= OLDEST_BOARD_DAYS and day.takes_events(now, zone)


def _newest_key(period: Period) -> str:
    """Return the running hour or day, or the last finished week or month that is ranked by now."""
    local = clock.now().astimezone(business_time.zone())
    if period in (Period.HOURLY, Period.DAILY):
        return Window.containing(period, local, business_time.zone()).key
    return Span.due(periods.Period(period), local.replace(tzinfo=None)).key


@cache
def rankings() -> Rankings:
    """Return the rankings of this execution environment."""
    return Rankings(boards(), catalogue(), shared_cache())
