"""All chunks are done: publish the best hundred of all products at once."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.entrypoints.telemetry import gauge
from commerce.ranking.periods import OutcomeView, PeriodicalRankingFacade, PublishRanks


def publish_ranks(command: PublishRanks) -> OutcomeView:
    done = in_transaction(PeriodicalRankingFacade.publish, command)
    gauge("RankingChunksSkipped", done.chunks_skipped, "Count")
    return done


handler = task_handler(PublishRanks, publish_ranks)
