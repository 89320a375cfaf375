"""A chunk is to be ranked: store its best products until the run publishes."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import ChunkView, PeriodicalRankingFacade, RankChunk


def rank_chunk(command: RankChunk) -> ChunkView:
    return in_transaction(PeriodicalRankingFacade.rank_chunk, command)


handler = task_handler(RankChunk, rank_chunk)
