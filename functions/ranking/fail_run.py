"""A run cannot go on: end it as failed; the published ranking stays."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.task import task_handler
from commerce.ranking.periods import FailRun, OutcomeView, PeriodicalRankingFacade


def fail_run(command: FailRun) -> OutcomeView:
    return in_transaction(PeriodicalRankingFacade.fail, command)


handler = task_handler(FailRun, fail_run)
