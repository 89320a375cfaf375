"""A week is ranked by the deployed state machine, with a bad chunk in it, killed and at once."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pg8000.native
import psutil
import pytest

from tests.e2e.commands import ops
from tests.e2e.eventually import eventually
from tests.e2e.stack import NO_PROCESS, Stack
from tests.support.plain_ranking import FILL, PLAIN

ROWS = 50_000
CHUNK_ROWS = 4_000
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
BAD_PRODUCT = "ffffffff-ffff-7fff-bfff-fffffffffff0"


@dataclass(frozen=True)
class Week:
    """A week of long ago with so many rows of metrics, which nobody else ranks."""

    key: str
    monday: date
    database: pg8000.native.Connection

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    def spoil(self) -> None:
        """Add a product whose week cannot be summed up: it spoils the last chunk."""
        for day in (self.monday, self.sunday):
            self.database.run(
                "INSERT INTO product_metrics_daily (day, product_id, amount)"
                " VALUES (:day, :id, 9223372036854775807)",
                day=day, id=BAD_PRODUCT,
            )  # fmt: skip

    def right(self, *, after: str | None = None) -> list[tuple[int, str]]:
        """Rank and product by one plain statement, without the products after an id."""
        left_out = self.database.run(
            "SELECT coalesce(array_agg(DISTINCT product_id), '{}') FROM product_metrics_daily"
            " WHERE day BETWEEN :a AND :b AND product_id > CAST(:after AS uuid)",
            a=self.monday, b=self.sunday, after=after or "ffffffff-ffff-ffff-ffff-ffffffffffff",
        )[0][0]  # fmt: skip
        sql = PLAIN.replace("$1", ":a").replace("$2", ":b").replace("$3", ":out")
        found = self.database.run(sql, a=self.monday, b=self.sunday, out=left_out)
        return [(n, str(row[0])) for n, row in enumerate(found, start=1)]

    def shown(self) -> list[tuple[int, str]]:
        """Rank and product as they are published."""
        sql = "SELECT rank, product_id FROM product_rank WHERE key = :key ORDER BY rank"
        return [(rank, str(id_)) for rank, id_ in self.database.run(sql, key=self.key)]

    def chunks(self) -> list[list[Any]]:
        """Status and range of each chunk of the newest run."""
        return list(
            self.database.run(
                "SELECT status, after_id, failure FROM ranking_chunk WHERE run_id ="
                " (SELECT id FROM ranking_run WHERE key = :key ORDER BY id DESC LIMIT 1)"
                " ORDER BY number",
                key=self.key,
            )
        )


@pytest.fixture
def week(stack: Stack) -> Iterator[Week]:
    with stack.database() as database:
        monday = date.fromisocalendar(1000 + secrets.randbelow(800), 1 + secrets.randbelow(52), 1)
        year, number, _ = monday.isocalendar()
        made = Week(f"{year:04}W{number:02}", monday, database)
        fill = FILL
        for n, name in enumerate(("first_day", "size", "days", "salt"), start=1):
            fill = fill.replace(f"${n}", f":{name}")
        database.run(fill, first_day=monday, size=ROWS, days=7, salt=made.key)
        yield made
        for statement in (
            "DELETE FROM product_metrics_daily WHERE day BETWEEN :a AND :b",
            "DELETE FROM product_rank WHERE key = :key",
            "DELETE FROM ranking_run WHERE key = :key",
            "DELETE FROM ranking_publication WHERE key = :key",
        ):
            values = {"a": made.monday, "b": made.sunday, "key": made.key}
            database.run(statement, **{k: v for k, v in values.items() if f":{k}" in statement})


@dataclass(frozen=True)
class Execution:
    """An execution of the state machine."""

    arn: str
    steps: Any

    @property
    def described(self) -> Any:
        """Return Step Functions' description of the execution."""
        return self.steps.describe_execution(executionArn=self.arn)

    def ended(self, within_seconds: float = 120) -> Any:
        """The same, when it has ended."""

        def look() -> Any:
            found = self.described
            return found if found["status"] in ENDED else None

        return eventually(look, within_seconds)

    def stop(self) -> None:
        """End it midway."""
        self.steps.stop_execution(executionArn=self.arn, error="Killed", cause="by a test")


def started(stack: Stack, week: Week, **asked: Any) -> Execution:
    steps = stack.aws("stepfunctions")
    arn = steps.start_execution(
        stateMachineArn=stack.outputs["RankingStateMachineArn"],
        name=f"test-{secrets.token_hex(8)}",
        input=json.dumps({"period": "weekly", "key": week.key, "chunk_rows": CHUNK_ROWS, **asked}),
    )["executionArn"]
    return Execution(arn, steps)


@contextmanager
def no_chunk_ends(stack: Stack) -> Iterator[None]:
    """Make every task that ranks a chunk wait in the middle of its transaction."""
    with stack.database() as somebody:
        somebody.run("SET idle_in_transaction_session_timeout = 0")  # however busy the machine is
        somebody.run("BEGIN")
        somebody.run("LOCK TABLE ranking_candidate IN ACCESS EXCLUSIVE MODE")
        yield
        somebody.run("ROLLBACK")


def test_a_week_with_a_bad_chunk_is_ranked_and_the_chunk_reported(stack: Stack, week: Week) -> None:
    week.spoil()

    code, answer = ops(
        stack, "ranking", "run", "--period", "weekly", "--at", week.key,
        "--chunk-size", str(CHUNK_ROWS),
    )  # fmt: skip

    assert (code, answer["status"], answer["error"]) == (1, "SUCCEEDED", ""), answer
    [run] = answer["runs"]
    [skipped] = run["skipped"]
    assert (run["status"], run["key"], run["chunks"], run["chunks_skipped"]) == (
        "PUBLISHED", week.key, 13, 1,
    )  # fmt: skip
    assert skipped["failure"].endswith(": bigint out of range")
    assert skipped["after_id"] < BAD_PRODUCT <= skipped["upto_id"]
    assert week.shown() == week.right(after=skipped["after_id"])
    assert len(week.shown()) == 100
    [[left_out]] = week.database.run(
        "SELECT count(*) FROM product_metrics_daily WHERE day BETWEEN :a AND :b"
        " AND product_id > CAST(:after AS uuid)",
        a=week.monday, b=week.sunday, after=skipped["after_id"],
    )  # fmt: skip
    assert run["rows_read"] == ROWS + 2 - left_out
    code, answer = ops(stack, "ranking", "runs", "--limit", "5")
    assert code == 0
    assert run in answer["runs"]


def test_a_chunk_whose_worker_is_killed_is_retried(stack: Stack, week: Week) -> None:
    if stack.system is None:
        pytest.skip(NO_PROCESS)
    waiting = (
        "SELECT client_port FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        " AND query LIKE '%ranking_candidate%' AND pid <> pg_backend_pid()"
    )

    def a_waiting_worker() -> psutil.Process | None:
        # None has waited for long: each gives up after 3 s, and its process may be gone by then.
        workers = (stack.worker_on_port(port) for [port] in week.database.run(waiting))
        return next((worker for worker in workers if worker), None)

    with no_chunk_ends(stack):
        execution = started(stack, week)
        worker = eventually(a_waiting_worker)
        worker.kill()
    assert execution.ended()["status"] == "SUCCEEDED"
    assert week.shown() == week.right()
    assert {status for status, *_ in week.chunks()} == {"RANKED"}


def test_a_stopped_and_repeated_execution_has_the_same_result(stack: Stack, week: Week) -> None:
    with no_chunk_ends(stack):
        killed = started(stack, week)
        eventually(lambda: len(week.chunks()) == 13)
        killed.stop()
    assert killed.ended()["status"] == "ABORTED"
    assert week.shown() == []

    assert started(stack, week).ended()["status"] == "SUCCEEDED"
    assert week.shown() == week.right()


def test_two_executions_at_once_have_one_result(stack: Stack, week: Week) -> None:
    both = [started(stack, week), started(stack, week, chunk_rows=3_000)]
    outcomes = [json.loads(execution.ended()["output"])["status"] for execution in both]
    assert "PUBLISHED" in outcomes
    assert set(outcomes) <= {"PUBLISHED", "SUPERSEDED"}
    assert week.shown() == week.right()


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"key": "2026W54"}, "no weekly key"),
        ({"period": "daily"}, "no daily key"),
        ({"period": "hourly"}, "asked.period"),
        ({"chunk_rows": 0}, "asked.chunk_rows"),
    ],
)
def test_invalid_input_fails_and_leaves_no_run(
    stack: Stack, week: Week, asked: dict[str, Any], why: str
) -> None:
    execution = started(stack, week, **asked)
    found = execution.ended()
    assert (found["status"], why in found["cause"]) == ("FAILED", True)
    runs = "SELECT id FROM ranking_run WHERE execution = :arn"
    assert not week.database.run(runs, arn=execution.arn)
