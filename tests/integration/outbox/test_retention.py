"""Retention: rows that are past their time are deleted, and no others."""

from datetime import timedelta
from typing import Any

import pytest

from commerce.app.retention import delete_expired
from commerce.runtime.db import retention
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.lambda_calls import function, lambda_context
from tests.support.other_connection import held_by_another
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("own_shop")

NOTHING = {
    "outbox": 0,
    "answers": 0,
    "claims": 0,
    "login_throttles": 0,
    "login_attempts": 0,
    "sessions": 0,
    "mail_tokens": 0,
    "drop_refusals": 0,
    "mails": 0,
    "ranking_candidates": 0,
    "ranking_runs": 0,
    "failing_messages": 0,
    "causes": 0,
    "reconciliation_runs": 0,
    "alerts": 0,
    "trend_samples": 0,
}


def insert(sql: str, *values: object) -> None:
    database().run([Query(sql, values)])


def an_event(published: timedelta | None, occurred: timedelta = timedelta()) -> None:
    insert(
        "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,"
        " trace_id, data, published_at) VALUES ($1, 'commerce.test', 'Old', $2, $3, 1, '', '{}',"
        " $4)",
        clock.new_id(),
        clock.now() - occurred,
        clock.new_id(),
        clock.now() - published if published is not None else None,
    )


def a_claim(age: timedelta, answer: str | None) -> None:
    insert(
        "INSERT INTO once VALUES ('test', $1, '', $2, $3)",
        str(clock.new_id()),
        answer,
        clock.now() - age,
    )


def a_throttle(key: str, blocked: timedelta, table: str = "login_throttle") -> None:
    insert(f"INSERT INTO {table} VALUES ($1, 3, $2)", key, clock.now() - blocked)


def count(table: str) -> int:
    return int(rows(f"SELECT count(*) AS n FROM {table}")[0].n)


def test_published_events_are_deleted_after_a_week_and_waiting_ones_never() -> None:
    for published in (timedelta(days=8), timedelta(days=6), None):
        an_event(published, occurred=timedelta(days=30))
    assert delete_expired() == {**NOTHING, "outbox": 1}
    left = rows("SELECT published_at > now() - interval '7 days' AS recent FROM outbox")
    assert sorted(str(row.recent) for row in left) == ["None", "True"]


def test_answers_are_kept_a_day_and_claims_longer_than_dead_letters() -> None:
    for days, answer in ((3, "{}"), (1.1, "{}"), (31, None), (22, None)):
        a_claim(timedelta(days=days), answer)
    assert delete_expired() == {**NOTHING, "answers": 1, "claims": 1}
    assert count("once") == 2


@pytest.mark.parametrize("table", ["login_throttle", "login_attempt"])
def test_failed_sign_ins_are_deleted_a_day_after_their_block(table: str) -> None:
    a_throttle("gone", timedelta(days=2), table)
    a_throttle("unblocked", timedelta(hours=23), table)
    a_throttle("blocked", -timedelta(minutes=5), table)
    assert delete_expired() == {**NOTHING, f"{table}s": 1}
    assert count(table) == 2


def test_deletion_goes_chunk_by_chunk_and_is_repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "CHUNK", 3)
    for _ in range(8):
        an_event(timedelta(days=8))
    assert delete_expired()["outbox"] == 8
    assert delete_expired() == NOTHING


def test_deletion_ends_in_time_and_the_next_run_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    an_event(timedelta(days=8))
    assert retention.delete_expired(database(), retention.RETENTIONS, max_seconds=-1)["outbox"] == 0
    assert delete_expired()["outbox"] == 1


def test_a_locked_row_waits_for_the_next_run(own_shop: str) -> None:
    a_throttle("in-use", timedelta(days=2))
    a_throttle("gone", timedelta(days=2))
    with held_by_another(own_shop, "SELECT 1 FROM login_throttle WHERE key = 'in-use' FOR UPDATE"):
        assert delete_expired()["login_throttles"] == 1
    assert delete_expired()["login_throttles"] == 1


def test_the_function_reports_what_it_deleted() -> None:
    an_event(timedelta(days=8))
    answer: Any = function("outbox/daily_clean_up")({"id": "tick"}, lambda_context())
    assert answer == {**NOTHING, "outbox": 1}


@pytest.mark.parametrize("each", retention.RETENTIONS, ids=lambda found: found.name)
def test_finding_expired_rows_uses_an_index(each: retention.Retention) -> None:
    query = each.delete(before=clock.now(), limit=retention.CHUNK)
    settings = [Query(f"SET LOCAL enable_{name} = off") for name in ("seqscan", "bitmapscan")]
    explained = Query(f"EXPLAIN {query.sql}", query.values)
    plan = "\n".join(row[0] for row in database().run([*settings, explained])[-1])
    indexes = ("outbox_published", "once_answered", "once_unanswered", "failing_message_newest")
    assert any(name in plan for name in indexes)
    assert "Sort" not in plan
