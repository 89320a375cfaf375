"""Metrics to rank, runs without a state machine, and the ranking by one plain statement."""

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
    """A week of nobody else's, in a past without metrics."""
    import os

    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return Span.containing(
        Period.WEEKLY, date(1900 + 4 * worker, 1, 1) + timedelta(weeks=next(_weeks))
    )


def put(day: date, product_id: UUID, views: int = 0, likes: int = 0, amount: int = 0) -> None:
    """What a product did on a day."""
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
    """So many rows: products with a row on each day of the span, the last with fewer."""
    days = len(span.days)
    database().run([Query(FILL, [span.first_day, size, days, span.key])])


def by_one_plain_statement(span: Span, *without: UUID) -> list[Ranked]:
    """The right ranking."""
    found = rows(PLAIN, span.first_day, span.last_day, list(without))
    return [Ranked(n, row.product_id, row.score) for n, row in enumerate(found, start=1)]


def shown(span: Span) -> list[Ranked]:
    """The ranking that is shown."""
    return in_transaction(
        lambda shop: shop.periodical_rankings.page(span.period, span.key, 0, 1000)
    )


def task(name: str, **event: Any) -> Any:
    """One task, as the state machine calls its function."""
    return function(f"ranking/{name}")(event, lambda_context())


def planned(span: Span, execution: str = "", **asked: Any) -> Any:
    """A run, planned."""
    return task(
        "plan_chunks",
        execution=execution or an_execution(),
        at="2026-11-21T03:00:00.123Z",
        asked={"period": span.period, "key": span.key, **asked},
    )


def an_execution() -> str:
    """The ARN of a new execution."""
    return f"arn:aws:states:us-east-1:000000000000:execution:ranking:{clock.new_id()}"


def rank_chunks(plan: Any, chunks: Sequence[int] | None = None) -> Iterator[Callable[[], Any]]:
    """The chunks' tasks, to be done now or all together."""
    for number in plan["chunks"] if chunks is None else chunks:
        yield partial(task, "rank_chunk", execution="e", run_id=plan["run_id"], number=number)


def publish(plan: Any) -> Any:
    """The last task."""
    return task("publish_ranks", execution="e", run_id=plan["run_id"])


def skip(plan: Any, number: int, error: str = "Busy", cause: str = "") -> Any:
    """A chunk is left out."""
    failure = {"Error": error, "Cause": cause}
    return task("skip_chunk", execution="e", run_id=plan["run_id"], number=number, failure=failure)


def ranked(span: Span, **asked: Any) -> Any:
    """A whole run, one task after the other; what publishing answered."""
    plan = planned(span, **asked)
    for each in rank_chunks(plan):
        each()
    return publish(plan)


def report(plan: Any) -> RunView:
    """The report of a run."""
    runs = in_transaction(PeriodicalRankingFacade.newest_runs, 1000)
    return next(run for run in runs if str(run.run_id) == plan["run_id"])
