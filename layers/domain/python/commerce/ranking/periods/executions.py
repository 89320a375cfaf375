"""Executions of the state machine that makes periodical rankings."""

import json

from commerce.ranking.periods.model import Span
from commerce.runtime import settings
from commerce.runtime.aws import client


def start(span: Span) -> bool:
    """Start the span's own execution; False where it was started before, however it ended.

    Step Functions holds an execution's name for 90 days, so two who start it at once are one.
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
