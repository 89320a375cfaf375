"""A week or month is to be ranked: split its products into chunks."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import PeriodicalRankingFacade, PlanChunks, PlanView


def plan_chunks(command: PlanChunks) -> PlanView:
    return in_transaction(PeriodicalRankingFacade.plan, command)


handler = task_handler(PlanChunks, plan_chunks)
