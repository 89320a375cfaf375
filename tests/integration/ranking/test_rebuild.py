"""A rebuilt board equals the old one, and loses no event that arrives meanwhile."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commerce.app import ranking_jobs
from commerce.ranking import RebuildRefused
from commerce.ranking import rebuild as rebuilding
from commerce.ranking.boards import Keys
from commerce.runtime.db import current
from commerce.runtime.db.pipeline import Query
from commerce.shared.clock import new_id
from commerce.shared.events import Event
from infra.ops.__main__ import main
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.rankings import Clock, board, carry_over, deliver, kept, server, window
from tests.support.threads import run_concurrently
from tests.support.valkey import empty_valkey

pytestmark = pytest.mark.usefixtures("own_shop")

DAY, BEFORE = "20260310", "20260309"
NOW = "2026-03-10T14:30:00+09:00"
YESTERDAY = "2026-03-09T14:30:00+09:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, NOW)


def deliver_to_metrics(*envelopes: dict[str, Any]) -> None:
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}


def deliver_to_boards(*envelopes: dict[str, Any]) -> None:
    assert deliver(*envelopes) == []


def deliver_to_both(*envelopes: dict[str, Any]) -> None:
    deliver_to_metrics(*envelopes)
    deliver_to_boards(*envelopes)


def views(product: str, count: int, at: str = NOW) -> list[dict[str, Any]]:
    return [envelope_of(a_view(product), at=at) for _ in range(count)]


def ignore_progress(what: str, done: int) -> None:
    """Take the progress of a rebuild and do nothing with it."""


def rebuild(
    progress: Callable[[str, int], None] = ignore_progress, first: Any = None
) -> list[rebuilding.Rebuilt]:
    return ranking_jobs.rebuild_rankings(first, progress)


def of_products(found: dict[str, dict[bytes, Any]]) -> dict[str, dict[bytes, Any]]:
    """Leave out the window's own state, which depends on how it was made."""
    parts = {name: value for name, value in found["parts"].items() if len(name) == 36}
    return {"parts": parts, "board": found["board"]}


def test_a_lost_board_is_rebuilt_unchanged(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    clock.set(YESTERDAY)
    product, other = str(new_id()), str(new_id())
    order = an_order((product, 3, 1000), (other, 1, 70))
    deliver_to_both(*views(product, 30, YESTERDAY), envelope_of(order, at=YESTERDAY))
    clock.set("2026-03-09T23:50:00+09:00")
    carry_over()
    clock.set(NOW)
    deliver_to_both(
        *views(other, 50),
        envelope_of(a_cancellation(order, confirmed_at=YESTERDAY), at=NOW),
        envelope_of(a_like(product), at=NOW),
    )
    before = {day: kept(day) for day in (DAY, BEFORE)}
    assert board(DAY) == {other: 5.0, product: pytest.approx(0.2 + 0.3)}
    empty_valkey()
    capsys.readouterr()
    assert main(["ranking", "rebuild", "--json"]) == 0
    days = json.loads(capsys.readouterr().out)["days"]
    assert [(each["day"], each["products"]) for each in days] == [
        ("2026-03-09", 2),
        ("2026-03-10", 2),
    ]
    assert {day: of_products(kept(day)) for day in before} == {
        day: of_products(found) for day, found in before.items()
    }


MAKE: dict[str, Callable[[str], Event]] = {
    "like": a_like,
    "unlike": partial(an_unlike, liked_at="2026-03-09T20:00:00+09:00"),
}
KINDS = ["view", "like", "unlike", "order", "cancel", "again"]
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.integers(0, 3),  # which product, or which of what was told before
        st.integers(0, 72 * 60 - 1),  # at which minute of three days
        st.integers(1, 5000),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(plan=EVENTS)
def test_a_rebuild_after_any_events_changes_nothing(
    plan: list[tuple[str, int, int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    current.database().run(
        [Query("DELETE FROM once"),
         Query("DELETE FROM product_metrics_daily")]
    )  # fmt: skip
    empty_valkey()
    clock = Clock(monkeypatch, NOW)
    begins = datetime.fromisoformat("2026-03-09T00:00:00+09:00")
    products = [str(UUID(int=number + (7 << 76))) for number in range(4)]
    orders: list[Any] = []
    history: list[dict[str, Any]] = []
    carried: set[int] = set()
    for kind, which, minute, amount in sorted(plan, key=lambda each: each[2]):
        for day in range(3):
            if minute >= day * 1440 + 1430 and day not in carried:
                carried.add(day)
                clock.moment = begins + timedelta(minutes=day * 1440 + 1430)
                carry_over()
        clock.moment = begins + timedelta(minutes=minute)
        at = clock.moment.isoformat()
        if kind == "again" and history:
            envelope = history[which % len(history)]
        elif kind == "cancel" and orders:
            order, confirmed_at = orders[which % len(orders)]
            envelope = envelope_of(a_cancellation(order, confirmed_at=confirmed_at), at=at)
        elif kind == "order":
            order = an_order((products[which], 1, amount), (products[0], 2, amount))
            orders.append((order, at))
            envelope = envelope_of(order, at=at)
        else:
            envelope = envelope_of(MAKE.get(kind, a_view)(products[which]), at=at)
        history.append(envelope)
        deliver_to_both(envelope)
    running = clock.moment.date()
    keys = [f"{running - timedelta(days=1):%Y%m%d}", f"{running:%Y%m%d}"]
    carry_over()  # whatever is due; a board has it before, and so it does after
    if running == begins.date():
        keys = keys[1:]
    before = {key: of_products(kept(key)) for key in keys}
    rebuild()
    assert {key: of_products(kept(key)) for key in keys} == before
    empty_valkey()
    rebuild()
    assert {key: of_products(kept(key)) for key in keys} == before


def test_an_event_counted_only_by_the_metrics_counts_once(clock: Clock) -> None:
    product = str(new_id())
    lagging = views(product, 3)
    deliver_to_both(*views(product, 2))
    deliver_to_metrics(*lagging)
    rebuild()
    assert board(DAY) == {product: 0.5}
    deliver_to_boards(*lagging)
    assert board(DAY) == {product: 0.5}


def test_an_event_counted_during_the_read_counts_once(clock: Clock) -> None:
    product = str(new_id())
    deliver_to_both(*views(product, 2))
    late = views(product, 3)
    delivered: list[str] = []

    def between(what: str, done: int) -> None:
        if what == "events" and not delivered:  # the claims are read, the metrics not yet
            delivered.append(what)
            run_concurrently([partial(deliver_to_metrics, *late)])  # on a connection of its own

    rebuild(between, datetime.fromisoformat(NOW).date())
    assert board(DAY) == {product: 0.2}
    deliver_to_boards(*late)
    assert board(DAY) == {product: 0.5}


def test_an_event_reaching_the_board_during_a_rebuild_counts_once(clock: Clock) -> None:
    product, other = str(new_id()), str(new_id())
    deliver_to_both(*views(product, 2), *views(product, 10, YESTERDAY))
    ahead, delivered_twice = views(other, 3), views(product, 4)
    steps: list[str] = []

    def meanwhile(what: str, done: int) -> None:
        steps.append(what)
        if what == "events" and len(steps) == steps.index("events") + 1:
            deliver_to_boards(*ahead, *delivered_twice)  # the snapshot was taken without them

    done = rebuild(meanwhile, datetime.fromisoformat(NOW).date())
    assert [each.told_meanwhile for each in done] == [7]
    wanted = {product: 0.7, other: 0.3}
    assert board(DAY) == pytest.approx(wanted)
    deliver_to_metrics(*ahead, *delivered_twice)
    deliver_to_boards(*ahead, *delivered_twice)
    assert board(DAY) == pytest.approx(wanted)
    rebuild()
    assert board(DAY) == pytest.approx({product: 0.7, other: 0.3})


def test_a_rebuild_waits_for_events_missing_in_the_metrics(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "POLL_SECONDS", 0.01)
    product = str(new_id())
    deliver_to_both(*views(product, 2))
    ahead = views(product, 3)
    deliver_to_boards(*ahead)
    waited: list[int] = []

    def catch_up(what: str, done: int) -> None:
        if "have yet to count" in what and not waited:
            waited.append(done)
            deliver_to_metrics(*ahead)

    rebuild(catch_up)
    assert waited == [3]
    assert board(DAY) == {product: 0.5}


def test_without_caught_up_metrics_the_board_stays_unchanged(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rebuilding, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(rebuilding, "WAIT_SECONDS", 0.05)
    product = str(new_id())
    deliver_to_boards(*views(product, 3))
    before = kept(DAY)
    with pytest.raises(RebuildRefused, match="3 events that the metrics do not know"):
        rebuild()
    capsys.readouterr()
    assert main(["ranking", "rebuild", "--json"]) == 2
    assert "dead letters" in json.loads(capsys.readouterr().out)["error"]
    assert kept(DAY) == before
    deliver_to_boards(*views(product, 1))
    assert board(DAY) == {product: pytest.approx(0.4)}


def test_rebuilds_take_turns_and_a_killed_ones_lock_expires(clock: Clock) -> None:
    product = str(new_id())
    deliver_to_both(*views(product, 2))
    keys = Keys.of(window(DAY))
    with server() as client:
        client.set(keys.rebuild, "somebody else", ex=600)
        with pytest.raises(RebuildRefused, match="Another rebuild"):
            rebuild(first=datetime.fromisoformat(NOW).date())
        assert client.get(keys.rebuild) == b"somebody else"
        client.delete(keys.rebuild)
    rebuild()
    assert board(DAY) == {product: 0.2}


def test_a_rebuild_that_lost_its_lock_changes_nothing(clock: Clock) -> None:
    product = str(new_id())
    deliver_to_both(*views(product, 2))
    before = kept(DAY)

    def lose_it(what: str, done: int) -> None:
        with server() as client:
            client.set(Keys.of(window(DAY)).rebuild, "another")

    with pytest.raises(RebuildRefused, match="too long"):
        rebuild(lose_it, datetime.fromisoformat(NOW).date())
    assert kept(DAY) == before


def test_tomorrows_board_is_rebuilt_after_its_carry_over(clock: Clock) -> None:
    product = str(new_id())
    deliver_to_both(*views(product, 30))
    clock.set("2026-03-10T23:55:00+09:00")
    assert [each.day.isoformat() for each in rebuild()] == ["2026-03-09", "2026-03-10"]
    carry_over()
    done = rebuild()
    assert [each.day.isoformat() for each in done] == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert board("20260311") == {product: 0.3}


def test_only_live_days_can_be_rebuilt(clock: Clock) -> None:
    with pytest.raises(RebuildRefused, match="Only today's and yesterday's"):
        rebuild(first=datetime.fromisoformat(NOW).date() + timedelta(days=1))


def test_a_rebuild_leaves_no_permanent_keys(clock: Clock) -> None:
    deliver_to_both(*views(str(new_id()), 2))
    rebuild()
    with server() as client:
        left = {name.decode(): client.ttl(name) for name in client.scan_iter()}
    assert {name for name, ttl in left.items() if ttl < 0} == {"lastunit:{ranking}:1:weights"}
    assert not [name for name in left if "rebuild" in name or "journal" in name]
    keys = Keys.of(window(DAY))
    assert {left[key] > 172_700 for key in (keys.parts, keys.board, keys.seen)} == {True}
