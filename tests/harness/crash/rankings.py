"""Boards and rankings: what the clock, the state machine and an admin do with them."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from commerce.ranking import Period as Live
from commerce.ranking import Window
from commerce.ranking.boards import Keys
from commerce.ranking.periods import Period, Span
from commerce.runtime import business_time
from commerce.runtime.aws import client
from commerce.runtime.cache.valkey import strict_valkey
from commerce.shared import clock
from infra.ops.__main__ import main
from tests.harness.crash.cases import (
    AGAIN,
    DONE,
    OK,
    QUEUE,
    Case,
    Scenario,
    a_case,
    answered,
    by_clock,
    consume,
)
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import call
from tests.support.ranking import planned, publish, put, rank_chunks, shown, task
from tests.support.shop import rows
from tests.support.valkey import empty_valkey

# Seoul is nine hours ahead. Days of their own: what others did is on no board of theirs.
AFTER_NOON = datetime(2027, 7, 15, 3, 30, tzinfo=UTC)
BEFORE_MIDNIGHT = datetime(2027, 7, 20, 14, 55, tzinfo=UTC)
A_LOST_DAY = datetime(2027, 6, 15, 3, 30, tzinfo=UTC)
MONDAY_MORNING = datetime(2027, 3, 1, 3, 0, tzinfo=UTC)

_WEIGHTS = {"view": 0.5, "like": 0.25, "order": 0.25}


# --- live boards --------------------------------------------------------------------------------


def _viewed(*ago: timedelta) -> Callable[[], Case]:
    """The only product on the boards, so the number of steps is fixed: viewed at these times."""

    def arrange() -> Case:
        empty_valkey()
        case = a_case()
        for each in ago:
            view = envelope_of(a_view(case.product), at=clock.rfc3339(clock.now() - each))
            assert consume("ranking/on_ranked_activity", view) == DONE
        return case

    return arrange


def _scores(case: Case) -> object:
    """Return the product's score on each live board, and on those that come next."""
    zone = business_time.zone()
    found = {}
    for period in (Live.HOURLY, Live.DAILY):
        running = Window.containing(period, clock.now(), zone)
        for name, window in {"running": running, "next": running.following(zone)}.items():
            found[f"{name} {period}"] = _score(window, case.product)
    return found


def _score(window: Window, product_id: str) -> float | None:
    board = Keys.of(window).board
    score = strict_valkey().run(lambda server: server.zscore(board, product_id))
    return None if score is None else round(float(score), 9)


def _put_weights(case: Case) -> str:
    path = "/admin/ranking-weights"
    return answered(
        call("ranking/put_ranking_weights", "PUT", path, body=_WEIGHTS, token=case.admin.token)
    )


def _claims_end(ending: str) -> Callable[[Case], None]:
    """Expire a killed worker's claim in Valkey."""

    def end(_: Case) -> None:
        def forget(server: Any) -> None:
            for key in server.scan_iter(f"*:{ending}"):
                server.delete(key)

        strict_valkey().run(forget)

    return end


def _read_boards(_: Case) -> None:
    """Read the boards, which rescores what was not rescored yet."""
    for period in (Live.HOURLY, Live.DAILY):
        assert call("ranking/get_rankings", "GET", f"/rankings?period={period}").status == 200


def _weights(case: Case) -> object:
    sql = "SELECT view_weight, like_weight, order_weight, set_by FROM ranking_weights"
    found = {tuple(row) for row in rows(sql)}
    by = f"admin:{case.admin.user_id}"
    today = Window.containing(Live.DAILY, clock.now(), business_time.zone())
    return found == {(*_WEIGHTS.values(), by)}, _score(today, case.product)


def _read_weights(case: Case) -> str:
    path = "/admin/ranking-weights"
    answer = call("ranking/get_ranking_weights", "GET", path, token=case.admin.token)
    return answered(answer, lambda body: (body["view"], body["like"], body["order"]))


def _counted_and_lost() -> Case:
    """The metrics have counted a view; the server has forgotten the board."""
    case = a_case()
    view = envelope_of(a_view(case.product))
    for name in ("metrics/on_product_activity", "ranking/on_ranked_activity"):
        assert consume(name, view) == DONE
    empty_valkey()
    return case


def _rebuild(_: Case) -> str:
    is_done = main(["ranking", "rebuild", "--json", "--stack", "none"]) == 0
    return DONE if is_done else AGAIN


# --- weeks --------------------------------------------------------------------------------------


def _a_state_machine() -> Case:
    """One of the case's own, which has made no ranking yet."""
    made = client("stepfunctions").create_state_machine(
        name=f"ranking-{clock.new_id()}",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/any",
    )
    return replace(a_case(), words={"machine": made["stateMachineArn"]})


def _start_rankings(case: Case) -> str:
    os.environ["RANKING_STATE_MACHINE_ARN"] = case.words["machine"]
    return by_clock("ranking/every_quarter_hour_start_rankings")(case)


def _executions(case: Case) -> list[str]:
    found = client("stepfunctions").list_executions(stateMachineArn=case.words["machine"])
    return sorted(each["name"] for each in found["executions"])


def _a_week() -> Case:
    """A week that no other case uses, in which the product was viewed."""
    case = a_case()
    [runs] = rows("SELECT count(*) AS n FROM ranking_run")  # so that no two are of one week
    first = date(1000, 1, 6) + timedelta(weeks=int(runs.n))
    span = Span.containing(Period.WEEKLY, first)
    put(span.first_day, UUID(case.product), views=3)
    return replace(case, words={"span": span, "execution": f"execution:{case.key}"})


def _a_week_to_rank() -> Case:
    """With a second product, which makes a second chunk."""
    case = _a_week()
    span = case.words["span"]
    put(span.first_day, clock.new_id(), views=1)
    plan = planned(span, case.words["execution"], chunk_rows=1)
    assert len(plan["chunks"]) == 2, plan
    return replace(case, words={**case.words, "plan": plan})


def _a_week_to_publish() -> Case:
    case = _a_week_to_rank()
    for each in rank_chunks(case.words["plan"]):
        each()
    return case


def _a_week_with_a_bad_chunk() -> Case:
    case = _a_week_to_rank()
    _rank_the_others(case)
    return case


def _a_week_shown_and_a_run_that_fails() -> Case:
    case = _a_week_to_publish()
    publish(case.words["plan"])
    plan = planned(case.words["span"], f"{case.words['execution']} again")
    return replace(case, words={**case.words, "plan": plan})


def _to_plan(case: Case) -> dict[str, Any]:
    span = case.words["span"]
    return {
        "execution": case.words["execution"],
        "at": "2026-11-21T03:00:00.123Z",
        "asked": {"period": span.period, "key": span.key},
    }


def _of_the_run(case: Case, **more: Any) -> dict[str, Any]:
    return {"execution": "e", "run_id": case.words["plan"]["run_id"], **more}


def _chunk(case: Case) -> dict[str, Any]:
    return _of_the_run(case, number=case.words["plan"]["chunks"][0])


def _bad_chunk(case: Case) -> dict[str, Any]:
    return {**_chunk(case), "failure": {"Error": "Busy", "Cause": "a test"}}


def _failure(case: Case) -> dict[str, Any]:
    return _of_the_run(case, failure={"Error": "NothingRanked", "Cause": "a test"})


def _rank_the_others(case: Case) -> None:
    for each in rank_chunks(case.words["plan"], case.words["plan"]["chunks"][1:]):
        each()


def _finish(case: Case) -> None:
    """Do what the state machine does after the chunk under test."""
    _rank_the_others(case)
    publish(case.words["plan"])


def _publish_it(case: Case) -> None:
    publish(case.words["plan"])


def _go_on_from_the_plan(case: Case) -> None:
    plan = task("plan_chunks", **_to_plan(case))  # planned already: the very run
    for each in rank_chunks(plan):
        each()
    publish(plan)


def _week(case: Case) -> object:
    """Return the week's ranking, and what its runs report."""
    span = case.words["span"]
    reports = rows(_REPORTS, span.period.value, span.key)
    places = [(each.rank, each.score, str(each.product_id) == case.product) for each in shown(span)]
    return places, [tuple(row) for row in reports]


_REPORTS = """
    SELECT ranking_run.status, ranking_run.failure, count(*),
        count(*) FILTER (WHERE ranking_chunk.status = 'SKIPPED')
    FROM ranking_run JOIN ranking_chunk ON run_id = ranking_run.id
    WHERE period = $1 AND key = $2 GROUP BY ranking_run.id ORDER BY ranking_run.id
"""

SCENARIOS = (
    Scenario(
        "carry_over", "ranking/every_five_minutes_carry_over",
        _viewed(timedelta(hours=1), timedelta(days=1)),
        by_clock("ranking/every_five_minutes_carry_over"), QUEUE, at=AFTER_NOON, look=_scores,
    ),
    Scenario(
        "carry_over_at_midnight", "ranking/every_five_minutes_carry_over",
        _viewed(timedelta(0)),
        by_clock("ranking/every_five_minutes_carry_over"), QUEUE, at=BEFORE_MIDNIGHT,
        look=_scores,
    ),
    Scenario(
        "read_weights", "ranking/get_ranking_weights", a_case, _read_weights,
        frozenset({"200 (0.1, 0.2, 0.7)"}),
    ),
    Scenario(
        "put_weights", "ranking/put_ranking_weights", _viewed(timedelta(0)), _put_weights, OK,
        mends=_claims_end("rescoring"), then=_read_boards, look=_weights,
    ),
    Scenario(
        "rebuild_board", "make ops ranking rebuild", _counted_and_lost, _rebuild, QUEUE,
        at=A_LOST_DAY, mends=_claims_end("rebuild"), look=_scores,
    ),
    Scenario(
        "start_rankings", "ranking/every_quarter_hour_start_rankings", _a_state_machine,
        _start_rankings, QUEUE, at=MONDAY_MORNING, look=_executions,
    ),
    Scenario(
        "plan_chunks", "ranking/plan_chunks", _a_week,
        by_clock("ranking/plan_chunks", _to_plan), QUEUE, then=_go_on_from_the_plan, look=_week,
    ),
    Scenario(
        "rank_chunk", "ranking/rank_chunk", _a_week_to_rank,
        by_clock("ranking/rank_chunk", _chunk), QUEUE, then=_finish, look=_week,
    ),
    Scenario(
        "skip_chunk", "ranking/skip_chunk", _a_week_with_a_bad_chunk,
        by_clock("ranking/skip_chunk", _bad_chunk), QUEUE, then=_publish_it, look=_week,
    ),
    Scenario(
        "publish_ranks", "ranking/publish_ranks", _a_week_to_publish,
        by_clock("ranking/publish_ranks", _of_the_run), QUEUE, then=_publish_it, look=_week,
    ),
    Scenario(
        "fail_run", "ranking/fail_run", _a_week_shown_and_a_run_that_fails,
        by_clock("ranking/fail_run", _failure), QUEUE, look=_week,
    ),
)  # fmt: skip
