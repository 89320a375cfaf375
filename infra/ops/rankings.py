"""Rankings of weeks and months: make one now, and look at what the runs report."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from infra.ops.target import OpsError, Target, client

POLL_SECONDS = 0.5
WAIT_SECONDS = 3700  # an execution ends of itself after an hour


def start(target: Target, period: str, key: str, chunk_rows: int | None) -> str:
    """Start an execution; returns its ARN. Raises OpsError where the span is none."""
    from commerce.ranking.periods import Period, Span  # imported when the environment is set

    span = Span.of(Period(period), key)
    asked = {"period": span.period, "key": span.key}
    machine = target.outputs.get("RankingStateMachineArn")
    if not machine:
        raise OpsError(
            f"The stack {target.stack} names no RankingStateMachineArn: is --stack right?"
        )
    execution: str = client("stepfunctions").start_execution(
        stateMachineArn=machine,
        name=f"{span.period}-{span.key}-{secrets.token_hex(4)}",
        input=json.dumps(asked if chunk_rows is None else {**asked, "chunk_rows": chunk_rows}),
    )["executionArn"]
    return execution


def wait_for(execution: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """Wait until an execution ends; what Step Functions says of it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found: dict[str, Any] = client("stepfunctions").describe_execution(executionArn=execution)
        if found["status"] != "RUNNING":
            return found
        if time.monotonic() > deadline:
            raise OpsError(f"{execution} has not ended: look at it in Step Functions.")
        run = report_of(execution)
        progress(
            f"{run['chunks_done']} of {run['chunks']} chunks, {run['rows_read']} rows"
            if run
            else "planning"
        )
        time.sleep(POLL_SECONDS)


def report_of(execution: str) -> dict[str, Any] | None:
    """The report of an execution's run; none where it never began."""
    from commerce.app.transactions import in_transaction

    found = in_transaction(lambda shop: shop.periodical_rankings.report_of(execution))
    return found.model_dump(mode="json") if found else None


def newest(limit: int) -> list[dict[str, Any]]:
    """The reports of the runs that began last."""
    from commerce.app.transactions import in_transaction

    found = in_transaction(lambda shop: shop.periodical_rankings.newest_runs(limit))
    return [each.model_dump(mode="json") for each in found]
