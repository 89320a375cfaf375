"""Rankings: the products most viewed, liked and bought, by hour, day, week and month."""

from commerce.ranking.boards import Boards
from commerce.ranking.commands import SetRankingWeights
from commerce.ranking.errors import InvalidMoment, PageTooDeep, RebuildRefused
from commerce.ranking.facade import RankingFacade
from commerce.ranking.model import (
    LAST_RANK,
    Activity,
    Period,
    ProductDelta,
    Ranked,
    Weights,
    Window,
    parse_key,
    window_of_key,
)
from commerce.ranking.rebuild import Rebuild, Rebuilt
from commerce.ranking.views import RankingWeightsView

__all__ = [
    "LAST_RANK", "Activity", "Boards", "InvalidMoment", "PageTooDeep", "Period",
    "ProductDelta", "Ranked", "RankingFacade",
    "RankingWeightsView", "Rebuild", "RebuildRefused", "Rebuilt", "SetRankingWeights", "Weights",
    "Window", "parse_key", "window_of_key",
]  # fmt: skip
