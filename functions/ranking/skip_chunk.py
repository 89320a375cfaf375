"""A chunk cannot be ranked: leave it out, and say so in the run's report."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import ChunkView, PeriodicalRankingFacade, SkipChunk


def skip_chunk(command: SkipChunk) -> ChunkView:
    return in_transaction(PeriodicalRankingFacade.skip_chunk, command)


handler = task_handler(SkipChunk, skip_chunk)
