"""Days are ranked by the state machine, like weeks, so that no reader ever waits for it."""

import itertools
import os
import random
from collections.abc import Callable
from datetime import date, timedelta

import boto3
import pytest

from commerce.app.ranking_boards import ranking_weights
from commerce.app.transactions import in_transaction
from commerce.ranking import RankingFacade, Weights
from commerce.ranking.periods import InvalidPeriodKey, Period, Ranked, Span
from commerce.ranking.periods.model import CORRECTED_DAYS, RANKED_DAYS
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from tests.support.envelopes import a_view, envelope_of
from tests.support.lambda_calls import function, lambda_context
from tests.support.plain_ranking import FILL
from tests.support.ranking import put, ranked, shown
from tests.support.rankings import Clock, deliver
from tests.support.shop import rows
from tests.support.valkey import empty_valkey, forget_valkey

pytestmark = pytest.mark.usefixtures("shop_environment")

Tick = Callable[[str], list[str]]
_days = itertools.count()


def a_day() -> date:
    """Return a day that no other test uses, with three weeks before it, in a far future."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return date(3000 + 100 * worker, 1, 22) + timedelta(days=22 * next(_days))


def of(day: date) -> Span:
    return Span.containing(Period.DAILY, day)


def in_one_statement(day: date) -> list[Ranked]:
    """Return the ranking that one statement over all eight days computes."""
    found: list[Ranked] = in_transaction(RankingFacade.top_of_day, day, Weights())
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_day_in_chunks_equals_the_day_in_one_statement(seed: int) -> None:
    """Sparse days, carried scores, counts below zero, ties: all the same, to the last digit."""
    chance, day = random.Random(seed), a_day()  # noqa: S311
    for product in [clock.new_id() for _ in range(chance.randint(1, 40))]:
        for age in range(-1, 10):  # with the day after, and days of which nothing is carried
            if chance.random() < 0.4:
                put(
                    day - timedelta(days=age), product,
                    views=chance.choice([0, 1, 5, 5, 10**chance.randint(0, 9)]),
                    likes=chance.choice([-3, 0, 0, 1, 2]),
                    amount=chance.choice([-500, 0, 0, 4321, 10**12]),
                )  # fmt: skip
    expected = in_one_statement(day)
    for chunk_rows in (7, 50, 50_000):
        ranked(of(day), chunk_rows=chunk_rows)
        assert shown(of(day)) == expected


def test_the_top_thousand_equal_those_of_one_statement() -> None:
    day = a_day()
    database().run([Query(FILL, [day - timedelta(days=7), 12_000, 8, "many"])])
    ranked(of(day), chunk_rows=1_000)
    found = shown(of(day))
    assert len(found) == 1000
    assert found == in_one_statement(day)


def test_a_corrected_day_is_right_once_it_is_ranked_again() -> None:
    first, second, day = clock.new_id(), clock.new_id(), a_day()
    put(day, first, views=10)
    put(day, second, views=20)
    ranked(of(day))
    rows("UPDATE product_metrics_daily SET views = 5 WHERE product_id = $1", second)
    assert [each.product_id for each in shown(of(day))] == [second, first]
    ranked(of(day))
    assert [each.product_id for each in shown(of(day))] == [first, second]


@pytest.mark.parametrize("key", ["20260230", "2026038", "2026W10", "00000101", "٢٠٢٦٠٣٠٨"])
def test_an_invalid_day_is_refused(key: str) -> None:
    with pytest.raises(InvalidPeriodKey, match="daily key"):
        Span.of(Period.DAILY, key)


def test_the_first_day_of_all_has_a_ranking() -> None:
    assert Span.of(Period.DAILY, "00010101").days == [date(1, 1, 1)]


# --- schedule ------------------------------------------------------------------------------------


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock, on which a test sets business times."""
    return Clock(monkeypatch, "2026-03-10T00:30:00+09:00")


@pytest.fixture
def tick(own_shop: str, at: Clock, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Run the schedule at a business time, with a state machine that begins each run."""
    steps = boto3.client("stepfunctions")
    machine = steps.create_state_machine(
        name=f"ranking-{clock.new_id()}",
        definition='{"StartAt": "W", "States": {"W": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/any",
    )["stateMachineArn"]
    monkeypatch.setenv("RANKING_STATE_MACHINE_ARN", machine)

    empty_valkey()

    def run(moment: str) -> list[str]:
        at.set(f"{moment}:00+09:00")
        schedule = function("ranking/every_quarter_hour_start_rankings")
        started: list[str] = schedule({"id": "tick"}, lambda_context())["started"]
        days = [key for key in started if len(key) == 8 and key.isdecimal()]
        for key in days:
            ranked(Span.of(Period.DAILY, key))
        return days

    return run


def with_metrics(*days: date) -> None:
    for day in days:
        put(day, clock.new_id(), views=1)


def a_board(at: Clock, moment: str) -> None:
    """Let today have a board."""
    at.set(f"{moment}:00+09:00")
    view = a_view(str(clock.new_id()))
    assert deliver(envelope_of(view, at=f"{moment}:00+09:00")) == []


def test_a_day_is_ranked_an_hour_after_its_end(tick: Tick, at: Clock) -> None:
    with_metrics(date(2026, 3, 9))
    a_board(at, "2026-03-10T00:30")
    assert tick("2026-03-10T00:45") == []
    assert tick("2026-03-10T01:00") == ["20260309"]
    assert tick("2026-03-10T01:15") == []


def test_days_of_the_last_week_are_ranked_again_each_night(tick: Tick) -> None:
    with_metrics(*(date(2026, 3, 1) + timedelta(days=n) for n in range(9)))
    nights: list[list[str]] = []
    for night in ("2026-03-10", "2026-03-11"):
        found: list[str] = []
        for minute in range(0, 60, 15):
            found += [
                key for key in tick(f"{night}T01:{minute:02}") if key != night.replace("-", "")
            ]
        nights.append(sorted(set(found)))
    ended = [f"202603{n:02}" for n in range(1, 10)]
    assert nights[0] == ended
    assert nights[1] == [*ended[3:], "20260310"]  # into which something was carried
    assert CORRECTED_DAYS == 7


def test_days_without_metrics_and_older_ones_are_not_ranked(tick: Tick) -> None:
    newest = date(2026, 3, 9)
    oldest = newest - timedelta(days=RANKED_DAYS - 1)
    with_metrics(oldest - timedelta(days=8), oldest - timedelta(days=1))
    found = [tick(f"2026-03-10T0{hour}:00") for hour in range(1, 5)]
    assert sorted(key for each in found for key in each) == [
        f"{oldest + timedelta(days=n):%Y%m%d}" for n in range(7)
    ]


def test_a_running_day_is_ranked_while_it_has_no_board(
    tick: Tick, at: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_metrics(date(2026, 3, 10))
    assert tick("2026-03-10T12:00") == ["20260310"]
    assert tick("2026-03-10T12:15") == ["20260310"]
    assert len(shown(of(date(2026, 3, 10)))) == 1
    a_board(at, "2026-03-10T12:20")
    assert tick("2026-03-10T12:30") == []
    with monkeypatch.context() as away:
        away.setenv("VALKEY_URL", "redis://127.0.0.1:9/0")
        forget_valkey()
        assert tick("2026-03-10T12:45") == ["20260310"]
    forget_valkey()
    ranking_weights.cache_clear()


def test_an_idle_shop_ranks_nothing(tick: Tick) -> None:
    assert tick("2026-03-10T12:00") == []


def test_one_tick_delivered_twice_starts_a_day_once(tick: Tick, at: Clock) -> None:
    with_metrics(date(2026, 3, 9))
    a_board(at, "2026-03-10T02:00")
    assert tick("2026-03-10T02:00") == ["20260309"]
    rows("DELETE FROM ranking_run")  # as if the first had not got as far as planning
    tick("2026-03-10T02:00")
    machine = os.environ["RANKING_STATE_MACHINE_ARN"]
    found = boto3.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    assert [each["name"] for each in found if each["name"].startswith("daily")] == [
        "daily-20260309-202603100100"
    ]
