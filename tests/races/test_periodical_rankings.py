"""Runs of one week at once: what is shown is one of them as a whole, never parts of two."""

from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from commerce.ranking.periods import Ranked, Span
from commerce.ranking.periods.errors import RunEnded
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.ranking import (
    a_week,
    by_one_plain_statement,
    fill,
    planned,
    publish,
    put,
    rank_chunks,
    report,
    shown,
)
from tests.support.shop import rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def double(span: Span) -> None:
    """Twice of everything: from here on, every score is another."""
    sql = (
        "UPDATE product_metrics_daily SET views = 2 * views, likes = 2 * likes,"
        " amount = 2 * amount WHERE day BETWEEN $1 AND $2"
    )
    database().run([Query(sql, [span.first_day, span.last_day])])


def do_chunks(plan: Any) -> None:
    for each in rank_chunks(plan):
        each()


@pytest.mark.parametrize("round_", range(5))
def test_of_two_simultaneous_publications_the_later_run_is_shown(round_: int) -> None:
    span = a_week()
    fill(span, 2_000)
    older = planned(span, chunk_rows=200)
    do_chunks(older)
    double(span)
    newer = planned(span, chunk_rows=300)
    do_chunks(newer)

    done = run_concurrently([partial(publish, plan) for plan in (newer, older)])

    assert shown(span) == by_one_plain_statement(span)
    assert done[0]["status"] == "PUBLISHED"
    assert done[1]["status"] in ("PUBLISHED", "SUPERSEDED")


def test_two_simultaneous_runs_have_one_result() -> None:
    span = a_week()
    fill(span, 5_000)

    def whole(chunk_rows: int) -> Any:
        plan = planned(span, chunk_rows=chunk_rows)
        do_chunks(plan)
        return publish(plan)["status"]

    outcomes = run_concurrently([partial(whole, chunk_rows) for chunk_rows in (300, 500, 700, 900)])

    assert "PUBLISHED" in outcomes
    assert set(outcomes) <= {"PUBLISHED", "SUPERSEDED"}
    assert shown(span) == by_one_plain_statement(span)


def test_a_reader_sees_the_former_ranking_or_the_new_one() -> None:
    span = a_week()
    fill(span, 2_000)
    plans = []
    for _ in range(2):
        plans.append(planned(span))
        do_chunks(plans[-1])
        double(span)
    publish(plans[0])
    former = shown(span)

    def read() -> list[list[Ranked]]:
        return [shown(span) for _ in range(100)]

    def publish_the_second() -> list[list[Ranked]]:
        publish(plans[1])
        return []

    reads = run_concurrently([read, read, publish_the_second])
    seen = [each for part in reads for each in part]

    new = shown(span)
    assert new != former
    assert all(each in (former, new) for each in seen)
    assert len(seen) == 200


def test_all_chunks_ranked_twice_at_once_give_the_same_result() -> None:
    span = a_week()
    fill(span, 3_000)
    plan = planned(span, chunk_rows=300)
    run_concurrently([*rank_chunks(plan), *rank_chunks(plan)])
    done = publish(plan)
    assert (done["rows_read"], done["chunks"]) == (3_000, 10)
    assert shown(span) == by_one_plain_statement(span)


def test_simultaneous_plans_of_one_execution_are_one_run() -> None:
    span, execution = a_week(), f"execution:{clock.new_id()}"
    fill(span, 700)
    plans = run_concurrently([partial(planned, span, execution, chunk_rows=70)] * 6)
    assert plans == [plans[0]] * 6
    sql = "SELECT count(*) AS n FROM ranking_chunk JOIN ranking_run ON id = run_id"
    assert rows(f"{sql} WHERE execution = $1", execution)[0].n == 10


def test_a_chunk_is_not_changed_while_its_run_is_published() -> None:
    span = a_week()
    fill(span, 700)
    for _ in range(10):
        plan = planned(span, chunk_rows=350)
        do_chunks(plan)
        late, *_ = rank_chunks(plan)

        def zombie(late: Any = late) -> None:
            with suppress(RunEnded):
                late()

        def end(plan: Any = plan) -> None:
            publish(plan)

        run_concurrently([zombie, end])
        left = "SELECT count(*) AS n FROM ranking_candidate WHERE run_id = $1"
        assert rows(left, UUID(plan["run_id"]))[0].n == 0
        assert report(plan).rows_read == 700
    assert shown(span) == by_one_plain_statement(span)


def test_metrics_added_during_ranking_count_as_a_whole_or_not_at_all() -> None:
    """Metrics go on while chunks are ranked: a product is counted before or after, as a whole."""
    span, product_id = a_week(), clock.new_id()
    put(span.first_day, product_id, views=10)
    plan = planned(span)

    def more() -> None:
        put(span.last_day, product_id, views=5)

    run_concurrently([*rank_chunks(plan), more])
    publish(plan)
    [only] = shown(span)
    assert round(only.score, 9) in (1.0, 1.5)
