"""Executions of the state machine that computes periodical rankings."""

import json

from commerce.ranking.periods.model import Span
from commerce.runtime import settings
from commerce.runtime.aws import client


def start(span: Span) -> bool:
    """Start the execution of a span; return False if it was ever started, however it ended.

    Step Functions keeps an execution's name for 90 days, so concurrent calls start it once.
    """
    machines = client("stepfunctions")
    try:
        machines.start_execution(
            stateMachineArn=settings.text("RANKING_STATE_MACHINE_ARN"),
            name=f"{span.period}-{span.key}",
            input=json.dumps({"period": span.period, "key": span.key}),
        )
    except machines.exceptions.ExecutionAlreadyExists:
        return False
    return True
