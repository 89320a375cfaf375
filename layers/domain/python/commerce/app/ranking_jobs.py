"""Background work on rankings: carrying over, rebuilding boards, starting periodical rankings."""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from commerce.app.ranking_boards import boards, ranking_weights, write_boards
from commerce.app.transactions import in_transaction
from commerce.metrics import CONSUMER
from commerce.ranking import Period, RankingFacade, Rebuild, Rebuilt, Window
from commerce.ranking.periods import PeriodicalRankingFacade, executions
from commerce.runtime import business_time
from commerce.runtime.cache.valkey import strict_valkey
from commerce.runtime.db.current import database
from commerce.shared import clock


def carry_over() -> Mapping[str, list[str]]:
    """Carry a tenth of the scores over into the windows that are due; return their keys."""
    return {"carried_into": write_boards().carry_over(ranking_weights().get())}


def rebuild_rankings(first: date | None, progress: Callable[[str, int], None]) -> list[Rebuilt]:
    """Rebuild the live boards of days from the products' metrics. Raises RebuildRefused."""
    weights = in_transaction(RankingFacade.weights)
    rebuild = Rebuild(database(), strict_valkey(), business_time.zone, weights, CONSUMER)
    return rebuild.run(first, progress)


def start_due_rankings() -> Mapping[str, list[str]]:
    """Start the rankings that are due; return their keys.

    While today has no board, or Valkey does not answer, today is ranked each time.
    """
    now = clock.now()
    due = in_transaction(PeriodicalRankingFacade.due, now, running_day_too=not _has_board(now))
    return {"started": [each.span.key for each in due if executions.start(each)]}


def _has_board(now: datetime) -> bool:
    today = Window.containing(Period.DAILY, now, business_time.zone())
    found = boards().page(today, ranking_weights().get(), 0, 1)
    return found is not None and found.exists
