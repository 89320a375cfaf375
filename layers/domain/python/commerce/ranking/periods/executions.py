"""Executions of the state machine that computes periodical rankings."""

import json

from commerce.ranking.periods.model import Due
from commerce.runtime import settings
from commerce.runtime.aws import client


def start(due: Due) -> bool:
    """Start the execution of what is due; return False if it was started, however it ended.

    Step Functions keeps an execution's name for 90 days, so concurrent calls start it once.
    """
    machines = client("stepfunctions")
    try:
        machines.start_execution(
            stateMachineArn=settings.text("RANKING_STATE_MACHINE_ARN"),
            name=due.execution_name,
            input=json.dumps({"period": due.span.period, "key": due.span.key}),
        )
    except machines.exceptions.ExecutionAlreadyExists:
        return False
    return True
