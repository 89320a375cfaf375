"""Weeks, months and runs, without a database."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from commerce.ranking import Weights
from commerce.ranking.periods import Period, Span
from commerce.ranking.periods.commands import Failure
from commerce.ranking.periods.errors import (
    ChunksPending,
    InvalidPeriodKey,
    NothingRanked,
    RunEnded,
)
from commerce.ranking.periods.model import ChunkCounts, Run, RunStatus
from commerce.shared import clock

WEEKLY, MONTHLY = Period.WEEKLY, Period.MONTHLY


@pytest.mark.parametrize(
    ("period", "key", "first_day", "last_day"),
    [
        (WEEKLY, "2026W47", date(2026, 11, 16), date(2026, 11, 22)),
        (WEEKLY, "2026W01", date(2025, 12, 29), date(2026, 1, 4)),
        (WEEKLY, "2026W53", date(2026, 12, 28), date(2027, 1, 3)),
        (WEEKLY, "2024W52", date(2024, 12, 23), date(2024, 12, 29)),
        (MONTHLY, "202611", date(2026, 11, 1), date(2026, 11, 30)),
        (MONTHLY, "202612", date(2026, 12, 1), date(2026, 12, 31)),
        (MONTHLY, "202602", date(2026, 2, 1), date(2026, 2, 28)),
        (MONTHLY, "202402", date(2024, 2, 1), date(2024, 2, 29)),
    ],
)
def test_a_key_names_the_days_both_ends_included(
    period: Period, key: str, first_day: date, last_day: date
) -> None:
    span = Span.of(period, key)
    assert (span.key, span.first_day, span.last_day) == (key, first_day, last_day)
    assert (span.days[0], span.days[-1]) == (first_day, last_day)
    assert len(span.days) == (last_day - first_day).days + 1
    assert all(Span.containing(period, day) == span for day in span.days)


@pytest.mark.parametrize(
    ("period", "key"),
    [
        (WEEKLY, "2026W00"), (WEEKLY, "2025W53"), (WEEKLY, "2026W54"), (WEEKLY, "2026w47"),
        (WEEKLY, "2026W7"), (WEEKLY, "202647"), (WEEKLY, "0000W01"), (WEEKLY, "9999W53"),
        (WEEKLY, ""), (WEEKLY, "2026W47\n"), (WEEKLY, "٢٠٢٦W٤٧"), (MONTHLY, "202600"),
        (MONTHLY, "202613"), (MONTHLY, "2026W47"), (MONTHLY, "000001"), (MONTHLY, "20261"),
        (MONTHLY, "20261101"),
    ],
)  # fmt: skip
def test_an_invalid_span_key_is_refused(period: Period, key: str) -> None:
    with pytest.raises(InvalidPeriodKey):
        Span.of(period, key)


@pytest.mark.parametrize(
    ("period", "day", "key"),
    [
        (WEEKLY, date(2026, 11, 16), "2026W46"),  # a Monday
        (WEEKLY, date(2026, 11, 22), "2026W46"),  # the Sunday after it
        (WEEKLY, date(2027, 1, 4), "2026W53"),
        (WEEKLY, date(2027, 1, 3), "2026W52"),
        (WEEKLY, date(2026, 1, 1), "2025W52"),
        (MONTHLY, date(2026, 11, 1), "202610"),
        (MONTHLY, date(2026, 11, 30), "202610"),
        (MONTHLY, date(2026, 1, 1), "202512"),
        (MONTHLY, date(2024, 3, 31), "202402"),
    ],
)
def test_the_span_before_a_day_is_the_last_complete_one(
    period: Period, day: date, key: str
) -> None:
    assert Span.before(period, day).key == key


@pytest.mark.parametrize(
    ("period", "local_time", "key"),
    [
        (WEEKLY, "2026-11-16T00:59:59", "2026W45"),
        (WEEKLY, "2026-11-16T01:00:00", "2026W46"),
        (WEEKLY, "2026-11-22T23:59:59", "2026W46"),
        (WEEKLY, "2027-01-04T01:00:00", "2026W53"),
        (MONTHLY, "2026-12-01T01:59:59", "202610"),
        (MONTHLY, "2026-12-01T02:00:00", "202611"),
        (MONTHLY, "2026-12-31T23:59:59", "202611"),
        (MONTHLY, "2027-01-01T02:00:00", "202612"),
    ],
)
def test_a_week_is_due_on_monday_at_one_a_month_on_its_first_at_two(
    period: Period, local_time: str, key: str
) -> None:
    assert Span.due(period, datetime.fromisoformat(local_time)).key == key


def a_run() -> Run:
    return Run(
        id=clock.new_id(),
        execution="e",
        span=Span.of(WEEKLY, "2026W47"),
        chunk_rows=1,
        weights=Weights(),
        begun_at=clock.now(),
    )


@pytest.mark.parametrize(
    ("counts", "refusal"),
    [((1, 5, 0, 9), ChunksPending), ((1, 0, 2, 9), ChunksPending), ((0, 0, 2, 0), NothingRanked)],
)
def test_a_run_is_not_published_before_its_time(counts: Any, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        a_run().require_publishable(ChunkCounts(*counts))


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (0, 3, 0, 9), (0, 1, 2, 9)])
def test_a_run_is_published_when_something_was_ranked_or_nothing_happened(counts: Any) -> None:
    a_run().require_publishable(ChunkCounts(*counts))


def test_a_run_ends_once() -> None:
    run, at = a_run(), datetime(2026, 11, 23, tzinfo=UTC)
    run.end(RunStatus.FAILED, at, "why")
    assert (run.has_ended, run.ended_at, run.failure) == (True, at, "why")
    with pytest.raises(RunEnded):
        run.end(RunStatus.PUBLISHED, at)
    with pytest.raises(RunEnded):
        run.require_publishable(ChunkCounts(0, 1, 0, 1))
    with pytest.raises(RunEnded):
        run.require_running()
    assert run.status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("cause", "line"),
    [
        ('{"errorMessage": "bigint out of range", "errorType": "X"}', "X: bigint out of range"),
        ('{"errorMessage": "two\\nlines \\u0000"}', "X: two lines"),
        ("no JSON", "X: no JSON"),
        ("[1]", "X: [1]"),
        ("{}", "X: {}"),
        ("", "X:"),
        ("a" * 1000, "X: " + "a" * 497),
    ],
)
def test_a_failure_is_summed_up_in_one_line(cause: str, line: str) -> None:
    assert Failure(Error="X", Cause=cause).summary() == line
