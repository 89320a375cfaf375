"""Metrics to rank, runs task by task, and the expected ranking by one plain statement."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import Any
from uuid import UUID

from commerce.app.transactions import in_transaction
from commerce.ranking.periods import Period, PeriodicalRankingFacade, Ranked, RunView, Span
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.lambda_calls import function, lambda_context
from tests.support.plain_ranking import FILL, PLAIN
from tests.support.shop import rows

_weeks = count()


def a_week() -> Span:
    """Return a week that no other test uses, in a past without metrics."""
    import os

    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return Span.containing(
        Period.WEEKLY, date(1900 + 4 * worker, 1, 1) + timedelta(weeks=next(_weeks))
    )


def put(day: date, product_id: UUID, views: int = 0, likes: int = 0, amount: int = 0) -> None:
    """Store a product's metrics of a day."""
    database().run(
        [
            Query(
                "INSERT INTO product_metrics_daily (day, product_id, views, likes, amount)"
                " VALUES ($1, $2, $3, $4, $5)",
                [day, product_id, views, likes, amount],
            )
        ]
    )


def fill(span: Span, size: int) -> None:
    """Store `size` rows: products with a row on each day of the span, the last with fewer."""
    days = len(span.days)
    database().run([Query(FILL, [span.first_day, size, days, span.key])])


def by_one_plain_statement(span: Span, *without: UUID) -> list[Ranked]:
    """Return the expected ranking."""
    found = rows(PLAIN, span.first_day, span.last_day, list(without))
    return [Ranked(n, row.product_id, row.score) for n, row in enumerate(found, start=1)]


def shown(span: Span) -> list[Ranked]:
    """Return the published ranking."""
    return in_transaction(PeriodicalRankingFacade.page, span.period, span.key, 0, 1000)


def task(name: str, **event: Any) -> Any:
    """Run one task, as the state machine does."""
    return function(f"ranking/{name}")(event, lambda_context())


def planned(span: Span, execution: str = "", **asked: Any) -> Any:
    """Plan a run."""
    return task(
        "plan_chunks",
        execution=execution or an_execution(),
        at="2026-11-21T03:00:00.123Z",
        asked={"period": span.period, "key": span.key, **asked},
    )


def an_execution() -> str:
    """Return the ARN of a new execution."""
    return f"arn:aws:states:us-east-1:000000000000:execution:ranking:{clock.new_id()}"


def rank_chunks(plan: Any, chunks: Sequence[int] | None = None) -> Iterator[Callable[[], Any]]:
    """Yield the tasks that rank the chunks, to be called one by one or concurrently."""
    for number in plan["chunks"] if chunks is None else chunks:
        yield partial(task, "rank_chunk", execution="e", run_id=plan["run_id"], number=number)


def publish(plan: Any) -> Any:
    """Run the last task."""
    return task("publish_ranks", execution="e", run_id=plan["run_id"])


def skip(plan: Any, number: int, error: str = "Busy", cause: str = "") -> Any:
    """Skip a chunk."""
    failure = {"Error": error, "Cause": cause}
    return task("skip_chunk", execution="e", run_id=plan["run_id"], number=number, failure=failure)


def ranked(span: Span, **asked: Any) -> Any:
    """Run all tasks one after the other; return the answer of the last."""
    plan = planned(span, **asked)
    for each in rank_chunks(plan):
        each()
    return publish(plan)


def report(plan: Any) -> RunView:
    """Return the report of a run."""
    runs = in_transaction(PeriodicalRankingFacade.newest_runs, 1000)
    return next(run for run in runs if str(run.run_id) == plan["run_id"])
