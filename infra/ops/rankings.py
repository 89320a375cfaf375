"""Rankings: rebuild the live ones; rank a week or a month now, and list what its runs report."""

import argparse
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from commerce.shared import clock
from infra.arguments import whole_number
from infra.ops.acts import act
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import aside, counter, people, show_error, show_fields

POLL_SECONDS = 0.5
WAIT_SECONDS = 3700  # an execution ends of itself after an hour


def add_to(commands: Any) -> None:
    """Add the commands `ranking …`."""
    ranking = add_group(commands, "ranking", "rankings")
    rebuilt = add_command(
        ranking, "rebuild", rebuild, show_rebuilt, "rebuild live boards from the metrics"
    )
    rebuilt.add_argument(
        "--day", type=clock.parse_date, metavar="YYYY-MM-DD",
        help="from this day on (yesterday or today); without it, both",
    )  # fmt: skip
    made = add_command(ranking, "run", run, show_runs, "rank a day, week or month now, and wait")
    made.add_argument("--period", choices=["daily", "weekly", "monthly"], required=True)
    made.add_argument("--at", required=True, metavar="KEY", help="20261123, 2026W47 or 202611")
    made.add_argument("--chunk-size", type=whole_number, help="rows of metrics per chunk")
    reports = add_command(ranking, "runs", list_runs, show_runs, "the reports of the newest runs")
    reports.add_argument("--limit", type=whole_number, default=20)


def rebuild(target: Target, options: argparse.Namespace) -> Answer:
    """Rebuild the live boards of days, while events go on arriving."""
    target.use_database()
    target.use_valkey()
    from commerce.app import ranking_jobs

    with act(target, "ranking rebuild", str(options.day or "both days")):
        days = ranking_jobs.rebuild_rankings(options.day, counter(options))
    return DONE, {"days": [asdict(each) for each in days]}


def run(target: Target, options: argparse.Namespace) -> Answer:
    """Rank a day, week or month, even if there is a ranking of it already."""
    with act(target, "ranking run", f"{options.period} {options.at}"):
        execution = start(target, options.period, options.at, options.chunk_size)
    with aside.status("planning") as shown:
        ended = wait_for(execution, shown.update)
    report = report_of(execution)
    is_whole = (
        ended["status"] == "SUCCEEDED" and report is not None and not report["chunks_skipped"]
    )
    return DONE if is_whole else FOUND, {
        "execution": execution,
        "status": ended["status"],
        "error": ended.get("error", ""),
        "cause": ended.get("cause", ""),
        "runs": [report] if report else [],
    }


def list_runs(target: Target, options: argparse.Namespace) -> Answer:
    """List the reports of the newest runs."""
    target.use_database()
    from commerce.app.transactions import in_transaction
    from commerce.ranking.periods import PeriodicalRankingFacade

    found = in_transaction(PeriodicalRankingFacade.newest_runs, options.limit)
    return DONE, {"runs": [each.model_dump(mode="json") for each in found]}


def start(target: Target, period: str, key: str, chunk_rows: int | None) -> str:
    """Start an execution; returns its ARN. Raises OpsError without a state machine."""
    from commerce.ranking.periods import Period, Span  # imported when the environment is set

    span = Span.of(Period(period), key)
    given = {"period": span.period, "key": span.key}
    machine = target.outputs.get("RankingStateMachineArn")
    if not machine:
        raise OpsError(
            f"The stack {target.stack} names no RankingStateMachineArn: is --stack right?"
        )
    execution: str = client("stepfunctions").start_execution(
        stateMachineArn=machine,
        name=f"{span.period}-{span.key}-{secrets.token_hex(4)}",
        input=json.dumps(given if chunk_rows is None else {**given, "chunk_rows": chunk_rows}),
    )["executionArn"]
    return execution


def wait_for(execution: str, progress: Callable[[str], None]) -> dict[str, Any]:
    """Wait until an execution ends; returns Step Functions' description of it."""
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
    """Return the report of an execution's run; None if it did not begin."""
    from commerce.app.transactions import in_transaction
    from commerce.ranking.periods import PeriodicalRankingFacade

    found = in_transaction(PeriodicalRankingFacade.report_of, execution)
    return found.model_dump(mode="json") if found else None


def show_rebuilt(answer: dict[str, Any]) -> None:
    """Print the days whose boards were rebuilt."""
    show_fields(["day", "products", "events", "told_meanwhile"], answer["days"])
    people.print("Hourly boards cannot be rebuilt; they fill again.")


def show_runs(answer: dict[str, Any]) -> None:
    """Print the reports of runs, and why chunks were skipped."""
    if "execution" in answer:
        people.print(f"{answer['execution']}: {answer['status']}")
        if answer["error"]:
            show_error(f"{answer['error']}: {answer['cause']}")
    columns = ["period", "key", "status", "begun_at", "duration_seconds", "rows_read", "chunks",
               "chunks_skipped", "failure"]  # fmt: skip
    show_fields(columns, answer["runs"])
    for run in answer["runs"]:
        for chunk in run["skipped"]:
            show_error(
                f"{run['key']}, chunk {chunk['number']}: products after {chunk['after_id']} up to"
                f" {chunk['upto_id']} are left out: {chunk['failure']}"
            )
