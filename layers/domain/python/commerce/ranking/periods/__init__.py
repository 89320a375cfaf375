"""Rankings of whole weeks and months, computed by a state machine from the daily metrics."""

from commerce.ranking.model import Ranked
from commerce.ranking.periods.commands import (
    FailRun,
    PlanChunks,
    PublishRanks,
    RankChunk,
    SkipChunk,
)
from commerce.ranking.periods.errors import InvalidPeriodKey, NothingRanked
from commerce.ranking.periods.facade import PeriodicalRankingFacade
from commerce.ranking.periods.model import Period, Span
from commerce.ranking.periods.repository import SqlPeriodicalRankRepository
from commerce.ranking.periods.views import (
    ChunkView,
    OutcomeView,
    PlanView,
    RunView,
    SkippedChunk,
)

__all__ = [
    "ChunkView", "FailRun", "InvalidPeriodKey", "NothingRanked", "OutcomeView", "Period",
    "PeriodicalRankingFacade", "PlanChunks", "PlanView", "PublishRanks", "RankChunk", "Ranked",
    "RunView", "SkipChunk", "SkippedChunk", "Span", "SqlPeriodicalRankRepository",
]  # fmt: skip
