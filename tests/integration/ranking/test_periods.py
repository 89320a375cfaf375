"""Rankings of weeks and months on real PostgreSQL, task by task as the state machine does them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import boto3
import pytest

from commerce.app.retention import delete_expired
from commerce.app.transactions import in_transaction
from commerce.ranking.periods import (
    NothingRanked,
    Period,
    PeriodicalRankingFacade,
    Ranked,
    Span,
)
from commerce.runtime.db.connection import InvalidData
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.lambda_calls import function, lambda_context
from tests.support.ranking import (
    a_week,
    an_execution,
    by_one_plain_statement,
    fill,
    planned,
    publish,
    put,
    rank_chunks,
    ranked,
    report,
    shown,
    skip,
    task,
)
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

MOST = 2**63 - 1


def poison(span: Span) -> UUID:
    """A product whose week cannot be summed up."""
    product_id = UUID(int=2**127 + clock.new_id().int // 2)
    for day in span.days[:2]:
        put(day, product_id, amount=MOST)
    return product_id


def chunk_of(plan: Any, product_id: UUID) -> int:
    sql = "SELECT number FROM ranking_chunk WHERE run_id = $1 AND after_id < $2 AND upto_id >= $2"
    [row] = rows(sql, UUID(plan["run_id"]), product_id)
    return int(row.number)


@pytest.mark.parametrize("chunk_rows", [1, 7, 100, 1_000, 5_000, 200_000])
def test_the_top_hundred_equal_those_of_a_reference_query(chunk_rows: int) -> None:
    span = a_week()
    fill(span, 3_001 if chunk_rows > 1 else 500)
    expected = by_one_plain_statement(span)

    done = ranked(span, chunk_rows=chunk_rows)

    assert shown(span) == expected
    assert len(expected) == (100 if chunk_rows > 1 else 72)
    assert done["rows_read"] == (3_001 if chunk_rows > 1 else 500)
    assert (done["status"], done["chunks_skipped"]) == ("PUBLISHED", 0)


def test_each_metric_counts_by_its_weight() -> None:
    span = a_week()
    viewed, liked, bought, cancelled = (clock.new_id() for _ in range(4))
    put(span.first_day, viewed, views=40)
    put(span.last_day, viewed, views=60)
    put(span.first_day, liked, likes=12)
    put(span.last_day, liked, likes=-2)
    put(span.first_day, bought, amount=30_000)
    put(span.first_day, cancelled, views=50, amount=-30_000)  # less than none is none

    ranked(span)

    assert [(each.rank, each.product_id) for each in shown(span)] == [
        (1, viewed), (2, bought), (3, cancelled), (4, liked),
    ]  # fmt: skip
    assert [round(each.score, 6) for each in shown(span)] == [10.0, 7.21629, 5.0, 2.0]


def test_a_product_without_a_positive_score_is_not_ranked() -> None:
    span = a_week()
    put(span.first_day, clock.new_id(), likes=-1)
    put(span.first_day, clock.new_id())
    ranked(span)
    assert shown(span) == []


def test_only_the_days_of_the_span_count_including_both_ends() -> None:
    span, product_id = a_week(), clock.new_id()
    a_week()  # the following one stays empty
    for day in (span.first_day, span.last_day):
        put(day, product_id, views=10)
    for day in (span.first_day - timedelta(days=1), span.last_day + timedelta(days=1)):
        put(day, product_id, views=1000)
    ranked(span)
    assert shown(span) == [Ranked(1, product_id, 2.0)]


def test_a_month_is_ranked_from_its_first_day_to_its_last() -> None:
    span, product_id = Span.of(Period.MONTHLY, "189602"), clock.new_id()
    assert (span.first_day, span.last_day) == (date(1896, 2, 1), date(1896, 2, 29))
    for day in span.days:
        put(day, product_id, views=1)
    put(date(1896, 3, 1), product_id, views=50)
    assert ranked(span, chunk_rows=3)["rows_read"] == 29
    [only] = shown(span)
    assert (only.product_id, round(only.score, 9)) == (product_id, 2.9)


@pytest.mark.parametrize("chunk_rows", [20, 200])
def test_of_equal_scores_the_newer_product_takes_the_last_place(
    chunk_rows: int,
) -> None:
    span = a_week()
    products = [clock.new_id() for _ in range(130)]
    for product_id in products:
        put(span.first_day, product_id, views=10)
    ranked(span, chunk_rows=chunk_rows)
    assert [each.product_id for each in shown(span)] == products[:29:-1]
    assert [each.rank for each in shown(span)] == list(range(1, 101))


def test_pages_together_are_the_ranking() -> None:
    span = a_week()
    fill(span, 1_000)
    ranked(span)
    whole = shown(span)

    def page(offset: int, limit: int) -> list[Ranked]:
        return in_transaction(PeriodicalRankingFacade.page, span.period, span.key, offset, limit)

    assert page(0, 20) + page(20, 20) == whole[:40]
    assert page(95, 20) == whole[95:]
    assert page(100, 20) == []


def test_an_empty_week_is_published_as_an_empty_ranking() -> None:
    span = a_week()
    plan = planned(span)
    assert plan["chunks"] == []
    done = publish(plan)
    assert (done["status"], done["chunks"], done["rows_read"]) == ("PUBLISHED", 0, 0)
    assert shown(span) == []


def test_all_days_of_a_product_are_in_one_chunk() -> None:
    span = a_week()
    fill(span, 70)
    plan = planned(span, chunk_rows=3)
    assert plan["chunks"] == list(range(1, 11))
    for each in rank_chunks(plan):
        each()
    read = rows("SELECT rows_read FROM ranking_chunk WHERE run_id = $1", UUID(plan["run_id"]))
    assert [row.rows_read for row in read] == [7] * 10


def test_a_product_added_after_planning_is_in_a_chunk() -> None:
    span, late = a_week(), UUID(int=2**128 - 1)
    put(span.first_day, clock.new_id(), views=1)
    plan = planned(span, chunk_rows=1)
    put(span.first_day, late, views=5)
    for each in rank_chunks(plan):
        each()
    publish(plan)
    assert shown(span)[0].product_id == late


def test_repeating_a_run_has_the_same_result() -> None:
    span = a_week()
    fill(span, 2_000)
    ranked(span, chunk_rows=300)
    first = shown(span)
    ranked(span, chunk_rows=299)
    assert shown(span) == first
    assert first == by_one_plain_statement(span)


def test_repeating_every_task_changes_nothing() -> None:
    span, execution = a_week(), an_execution()
    fill(span, 700)
    plan = planned(span, execution, chunk_rows=100)
    assert planned(span, execution, chunk_rows=100) == plan
    for each in [*rank_chunks(plan), *rank_chunks(plan)]:
        each()
    done = publish(plan)
    assert publish(plan) == done
    assert done["rows_read"] == 700
    assert shown(span) == by_one_plain_statement(span)


def test_a_killed_run_does_not_hinder_the_next() -> None:
    span = a_week()
    fill(span, 2_000)
    killed = planned(span, chunk_rows=500)
    for each in rank_chunks(killed, [1, 2]):
        each()
    ranked(span, chunk_rows=500)
    assert shown(span) == by_one_plain_statement(span)
    assert (report(killed).status, report(killed).ended_at) == ("RUNNING", None)


def test_a_failing_chunk_is_skipped_and_reported() -> None:
    span = a_week()
    fill(span, 2_100)
    bad = poison(span)
    plan = planned(span, chunk_rows=300)
    number = chunk_of(plan, bad)
    left_out: list[UUID] = []
    for chunk, each in zip(plan["chunks"], rank_chunks(plan), strict=True):
        if chunk != number:
            each()
            continue
        with pytest.raises(InvalidData, match="bigint out of range"):
            each()
        [row] = rows(
            "SELECT after_id, upto_id FROM ranking_chunk WHERE run_id = $1 AND number = $2",
            UUID(plan["run_id"]), number,
        )  # fmt: skip
        left_out = [
            found.product_id
            for found in rows(
                "SELECT DISTINCT product_id FROM product_metrics_daily WHERE day BETWEEN $1 AND $2"
                " AND product_id > $3 AND product_id <= $4",
                span.first_day, span.last_day, row.after_id, row.upto_id,
            )
        ]  # fmt: skip
    cause = '{"errorMessage": "bigint out of range", "errorType": "InvalidData"}'
    assert skip(plan, number, "InvalidData", cause) == {"number": number, "status": "SKIPPED"}

    done = publish(plan)

    assert bad in left_out
    assert shown(span) == by_one_plain_statement(span, *left_out)
    assert len(shown(span)) == 100
    assert (done["status"], done["chunks"], done["chunks_skipped"]) == ("PUBLISHED", 7, 1)
    run = report(plan)
    [skipped] = run.skipped
    assert (skipped.number, skipped.failure) == (number, "InvalidData: bigint out of range")
    assert skipped.after_id < bad <= skipped.upto_id
    assert run.rows_read == sum(
        row.rows_read
        for row in rows("SELECT rows_read FROM ranking_chunk WHERE run_id = $1", run.run_id)
    )
    assert run.rows_read < 2_102
    assert run.duration_seconds is not None


def test_a_ranked_chunk_whose_answer_was_lost_is_not_skipped() -> None:
    span = a_week()
    fill(span, 70)
    plan = planned(span)
    for each in rank_chunks(plan):
        each()
    assert skip(plan, 1, "States.Timeout") == {"number": 1, "status": "RANKED"}
    assert publish(plan)["chunks_skipped"] == 0
    assert shown(span) == by_one_plain_statement(span)


def test_a_run_with_only_skipped_chunks_keeps_the_former_ranking() -> None:
    span = a_week()
    fill(span, 70)
    ranked(span)
    before = shown(span)
    plan = planned(span)
    skip(plan, 1)
    with pytest.raises(NothingRanked):
        publish(plan)
    failure = {"Error": "NothingRanked", "Cause": "Every chunk"}
    task("fail_run", execution="e", run_id=plan["run_id"], failure=failure)
    assert shown(span) == before
    assert (report(plan).status, report(plan).failure) == ("FAILED", "NothingRanked: Every chunk")


def test_a_published_run_does_not_fail_afterwards() -> None:
    span = a_week()
    fill(span, 70)
    plan = planned(span)
    for each in rank_chunks(plan):
        each()
    done = publish(plan)
    failure = {"Error": "States.Timeout"}
    assert task("fail_run", execution="e", run_id=plan["run_id"], failure=failure) == done
    assert report(plan).failure == ""


def test_nothing_is_published_while_chunks_are_pending() -> None:
    span = a_week()
    fill(span, 70)
    plan = planned(span, chunk_rows=7)
    for each in rank_chunks(plan, plan["chunks"][:-1]):
        each()
    with pytest.raises(Exception, match=r"1 chunks of the run .* are pending"):
        publish(plan)
    assert shown(span) == []


def test_an_ended_run_takes_no_more_chunks() -> None:
    span = a_week()
    fill(span, 70)
    plan = planned(span)
    skip(plan, 1)
    failure = {"Error": "States.Timeout"}
    task("fail_run", execution="e", run_id=plan["run_id"], failure=failure)
    [late] = rank_chunks(plan)
    with pytest.raises(Exception, match="is FAILED"):
        late()
    assert report(plan).chunks_skipped == 1


def test_the_run_that_began_last_is_shown() -> None:
    span = a_week()
    put(span.first_day, clock.new_id(), views=10)
    older = planned(span)
    newer = planned(span)
    for each in rank_chunks(older):
        each()
    put(span.last_day, clock.new_id(), views=20)  # known to the newer one alone
    for each in rank_chunks(newer):
        each()
    assert publish(newer)["status"] == "PUBLISHED"
    assert publish(older)["status"] == "SUPERSEDED"
    assert shown(span) == by_one_plain_statement(span)
    assert len(shown(span)) == 2


def test_a_run_deletes_its_working_rows() -> None:
    span = a_week()
    fill(span, 700)
    plan = planned(span)
    for each in rank_chunks(plan):
        each()
    held = "SELECT count(*) AS n FROM ranking_candidate WHERE run_id = $1"
    assert rows(held, UUID(plan["run_id"]))[0].n == 100
    publish(plan)
    assert rows(held, UUID(plan["run_id"]))[0].n == 0


def test_a_chunk_is_ranked_in_the_database_with_a_short_answer() -> None:
    span = a_week()
    fill(span, 7_000)
    plan = planned(span)
    [each] = rank_chunks(plan)
    assert each() == {"number": 1, "status": "RANKED"}
    assert set(plan) == {"run_id", "period", "key", "chunks"}


@pytest.mark.parametrize(
    ("asked", "key"),
    [
        ({}, "2026W46"),
        ({"period": "weekly"}, "2026W46"),
        ({"period": "monthly"}, "202610"),
        ({"period": "monthly", "key": "189001"}, "189001"),
    ],
)
def test_the_default_key_is_the_last_ended_span(asked: dict[str, str], key: str) -> None:
    at = "2026-11-16T03:00:00Z"  # Monday noon in Seoul
    plan = task("plan_chunks", execution=an_execution(), at=at, asked=asked)
    assert plan["key"] == key


def test_days_are_business_days(monkeypatch: pytest.MonkeyPatch) -> None:
    sunday_evening = "2026-11-15T15:30:00Z"
    for zone, key in (("Asia/Seoul", "2026W46"), ("UTC", "2026W45"), ("Asia/Kolkata", "2026W45")):
        monkeypatch.setenv("BUSINESS_TIME_ZONE", zone)
        plan = task("plan_chunks", execution=an_execution(), at=sunday_evening, asked={})
        assert plan["key"] == key, zone


@pytest.mark.parametrize(
    "asked",
    [{"key": "2026W54"}, {"key": "202611"}, {"period": "hourly"}, {"chunk_rows": 0},
     {"chunk_rows": 200_001}, {"rows": 1}],
)  # fmt: skip
def test_invalid_input_is_refused_before_any_write(asked: dict[str, Any]) -> None:
    execution = an_execution()
    with pytest.raises(Exception, match=r"key|period|chunk_rows|rows"):
        task("plan_chunks", execution=execution, at="2026-11-16T03:00:00Z", asked=asked)
    assert rows("SELECT id FROM ranking_run WHERE execution = $1", execution) == []


def test_too_many_chunks_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.ranking.periods import facade

    monkeypatch.setattr(facade, "MAX_CHUNKS", 9)
    span = a_week()
    fill(span, 70)
    assert len(planned(span, chunk_rows=8)["chunks"]) == 5
    with pytest.raises(Exception, match="more than 9 chunks of 7 rows"):
        planned(span, chunk_rows=7)


# --- schedule and clean-up -----------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A state machine that is never done."""
    steps = boto3.client("stepfunctions")
    made = steps.create_state_machine(
        name=f"ranking-{clock.new_id()}",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/any",
    )["stateMachineArn"]
    monkeypatch.setenv("RANKING_STATE_MACHINE_ARN", made)

    def executions() -> dict[str, str]:
        found = steps.list_executions(stateMachineArn=made)["executions"]
        return {
            each["name"]: steps.describe_execution(executionArn=each["executionArn"])["input"]
            for each in found
        }

    return executions


@pytest.mark.usefixtures("own_shop")
def test_a_due_ranking_is_started_once(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def tick(at: str) -> list[str]:
        monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(at).astimezone(UTC))
        started: list[str] = function("ranking/every_quarter_hour_start_rankings")(
            {"id": "tick"}, lambda_context()
        )["started"]
        return started

    assert tick("2026-11-30T00:45+09:00") == ["2026W47", "202610"]
    tick("2026-11-30T00:45+09:00")  # delivered twice
    assert len(machine()) == 2
    for span in (Span.of(Period.WEEKLY, "2026W47"), Span.of(Period.MONTHLY, "202610")):
        planned(span)
    assert tick("2026-11-30T00:45+09:00") == []
    assert tick("2026-11-30T01:00+09:00") == ["2026W48"]
    planned(Span.of(Period.WEEKLY, "2026W48"))
    assert tick("2026-12-01T01:45+09:00") == []
    assert tick("2026-12-01T02:00+09:00") == ["202611"]
    assert machine() == {
        "weekly-2026W47": '{"period": "weekly", "key": "2026W47"}',
        "monthly-202610": '{"period": "monthly", "key": "202610"}',
        "weekly-2026W48": '{"period": "weekly", "key": "2026W48"}',
        "monthly-202611": '{"period": "monthly", "key": "202611"}',
    }


@pytest.mark.usefixtures("own_shop")
def test_a_ranking_that_an_operator_ran_is_not_started(machine: Any) -> None:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    for period, key in ((Period.WEEKLY, "2026W47"), (Period.MONTHLY, "202610")):
        planned(Span.of(period, key))
    assert in_transaction(PeriodicalRankingFacade.due, at) == []
    assert machine() == {}


@pytest.mark.usefixtures("own_shop")
def test_old_reports_and_killed_runs_are_deleted_but_no_ranking() -> None:
    span = a_week()
    fill(span, 70)
    ranked(span)
    old, killed = planned(span), planned(span)
    for plan in (old, killed):
        for each in rank_chunks(plan):
            each()
    run = "UPDATE ranking_run SET begun_at = now() - interval '401 days' WHERE id = $1"
    age = (
        "UPDATE ranking_candidate SET ranked_at = now() - interval '25 hours' WHERE run_id = $1"
        " AND product_id <> (SELECT max(product_id::text)::uuid FROM ranking_candidate)"
    )
    database().run([Query(run, [UUID(old["run_id"])]), Query(age, [UUID(killed["run_id"])])])
    before = shown(span)

    done = delete_expired()

    assert (done["ranking_runs"], done["ranking_candidates"]) == (1, 9)
    counted = {
        table: rows(f"SELECT count(*) AS n FROM {table}")[0].n
        for table in ("ranking_run", "ranking_chunk", "ranking_candidate")
    }
    assert counted == {"ranking_run": 2, "ranking_chunk": 2, "ranking_candidate": 1}
    assert shown(span) == before
    assert len(before) == 10


# --- plans ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_shop")
def test_planning_and_ranking_read_only_their_own_rows() -> None:
    spans = [Span.of(Period.WEEKLY, f"1990W{n:02}") for n in (10, 11, 12)]
    for span in spans:
        fill(span, 21_000)
    database().run([Query("VACUUM ANALYZE product_metrics_daily")])
    from commerce.metrics.repository import id_after
    from commerce.ranking.periods import statements

    days = spans[1].days
    plan = explained(id_after(days, UUID(int=0), 499))
    assert "Merge Append" in plan, plan
    assert "Sort  " not in plan, plan
    assert buffers(plan) < 60, plan

    query = statements.RANK_CHUNK(
        run_id=UUID(planned(spans[1])["run_id"]), number=1, days=days, after_id=UUID(int=0),
        upto_id=UUID(int=2**123), ranked_at=clock.now(), view_weight=0.1, like_weight=0.2,
        order_weight=0.7, top=100,
    )  # fmt: skip
    plan = explained(query)
    assert "metrics_once_per_day" in plan, plan
    assert "Seq Scan on product_metrics_daily" not in plan, plan


def explained(query: Query) -> str:
    found = database().run([Query(f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", query.values)])[0]
    return "\n".join(str(row[0]) for row in found)


def buffers(plan: str) -> int:
    import re

    return int(re.findall(r"Buffers: shared hit=(\d+)", plan)[0])
