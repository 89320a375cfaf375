"""A chunk -> the best of its products, kept until the run publishes."""

from commerce.bootstrap import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import ChunkView, RankChunk


def rank_chunk(command: RankChunk) -> ChunkView:
    return in_transaction(lambda shop: shop.periodical_rankings.rank_chunk(command))


handler = task_handler(RankChunk, rank_chunk)
