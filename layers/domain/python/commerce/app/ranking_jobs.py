"""Work on rankings that no shopper waits for: rebuilding boards, starting periodical rankings."""

from collections.abc import Callable
from datetime import date, datetime

from commerce.app.transactions import in_transaction
from commerce.ranking import RankingFacade, Rebuild, Rebuilt
from commerce.ranking.periods import PeriodicalRankingFacade, executions
from commerce.runtime import business_time
from commerce.runtime.cache.valkey import strict_valkey
from commerce.runtime.db.current import database


def rebuild_rankings(first: date | None, progress: Callable[[str, int], None]) -> list[Rebuilt]:
    """Rebuild the live boards of days from the products' metrics. Raises RebuildRefused."""
    weights = in_transaction(RankingFacade.weights)
    return Rebuild(database(), strict_valkey(), business_time.zone, weights).run(first, progress)


def start_due_rankings(at: datetime) -> list[str]:
    """Start the rankings that are due and were never begun; return their keys."""
    due = in_transaction(PeriodicalRankingFacade.due, at)
    return [span.key for span in due if executions.start(span)]
