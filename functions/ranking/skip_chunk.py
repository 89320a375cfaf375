"""A chunk that cannot be ranked -> left out of the ranking, and in the run's report."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import ChunkView, SkipChunk


def skip_chunk(command: SkipChunk) -> ChunkView:
    return in_transaction(lambda shop: shop.periodical_rankings.skip_chunk(command))


handler = task_handler(SkipChunk, skip_chunk)
