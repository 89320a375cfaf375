"""Runs killed (SIGKILL) at the worst steps: going on, or beginning anew, has the same result."""

import json

import pytest

from commerce.shared import clock
from tests.faults.victims import run_victim
from tests.support.ranking import (
    a_week,
    by_one_plain_statement,
    fill,
    planned,
    publish,
    put,
    rank_chunks,
    ranked,
    report,
    shown,
)
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

MOMENTS = ["before_commit", "before_answer"]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("is_retried", [True, False])
def test_a_chunk_killed_midway_is_ranked_by_the_next_try(moment: str, *, is_retried: bool) -> None:
    span = a_week()
    fill(span, 2_100)
    plan = planned(span, chunk_rows=700)
    first, *others = rank_chunks(plan)
    first()

    run_victim(f"rank_chunk_{moment}", plan["run_id"], json.dumps({"number": 2}))

    status = "SELECT status FROM ranking_chunk WHERE run_id = CAST($1 AS uuid) AND number = 2"
    is_done = rows(status, plan["run_id"])[0].status == "RANKED"
    assert is_done == (moment == "before_answer")
    if is_retried:  # the state machine tries the task again, and goes on
        for each in others:
            each()
        assert publish(plan)["rows_read"] == 2_100
    else:  # nobody goes on; somebody begins anew
        ranked(span, chunk_rows=500)
        assert report(plan).status == "RUNNING"
    assert shown(span) == by_one_plain_statement(span)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("is_retried", [True, False])
def test_a_publication_killed_midway_shows_the_old_or_the_new_ranking(
    moment: str, *, is_retried: bool
) -> None:
    span = a_week()
    fill(span, 700)
    ranked(span)
    former = shown(span)
    put(span.first_day, clock.new_id(), views=100_000)
    right = by_one_plain_statement(span)
    plan = planned(span, chunk_rows=100)
    for each in rank_chunks(plan):
        each()

    run_victim(f"publish_{moment}", plan["run_id"], "{}")

    assert shown(span) == (former if moment == "before_commit" else right)
    if is_retried:
        assert publish(plan)["status"] == "PUBLISHED"
    else:
        ranked(span)
    assert shown(span) == right
    assert right != former
