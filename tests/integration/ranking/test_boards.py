"""Live boards, from the events to the places: by the examples the rules were written with."""

from itertools import pairwise
from math import log
from typing import Any

import pytest

from commerce.ranking import Weights
from commerce.ranking.boards import Keys
from commerce.shared.clock import new_id
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.rankings import Clock, board, carry_over, deliver, kept, server, window

DAY, HOUR = "20260310", "2026031014"
NOW = "2026-03-10T14:30:00+09:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, NOW)


@pytest.fixture
def product() -> str:
    return str(new_id())


def count(*events: Any, at: str = NOW) -> None:
    assert deliver(*(envelope_of(event, at=at) for event in events)) == []


def test_views_likes_and_an_order_add_up_to_the_score(clock: Clock, product: str) -> None:
    count(
        *(a_view(product) for _ in range(100)),
        *(a_like(product) for _ in range(10)),
        an_order((product, 2, 15_000)),
    )
    score = round(0.1 * 100 + 0.2 * 10 + 0.7 * log(1 + 30_000), 9)
    assert score == pytest.approx(19.216290, abs=1e-6)
    assert board(DAY) == board(HOUR) == {product: score}


def test_the_score_takes_the_logarithm_of_the_windows_total(clock: Clock, product: str) -> None:
    count(an_order((product, 1, 1000)))
    count(an_order((product, 2, 2000)))
    assert board(DAY) == {product: round(0.7 * log(5001), 9)}


def test_a_tenth_is_carried_over_and_new_views_are_added(clock: Clock, product: str) -> None:
    count(*(a_view(product) for _ in range(300)), an_order((product, 1, 9999)))
    today = board(DAY)[product]
    assert today == round(30 + 0.7 * log(10_000), 9)
    clock.set("2026-03-10T23:50:00+09:00")
    assert DAY.replace("10", "11") in carry_over()
    assert board("20260311") == {product: pytest.approx(today / 10, abs=1e-9)}
    clock.set("2026-03-11T09:00:00+09:00")
    count(*(a_view(product) for _ in range(500)), at="2026-03-11T08:59:00+09:00")
    assert board("20260311") == {product: pytest.approx(today / 10 + 50, abs=1e-9)}
    assert board(DAY) == {product: today}


def test_an_hours_scores_are_carried_into_the_next(clock: Clock, product: str) -> None:
    count(*(a_view(product) for _ in range(20)))
    clock.set("2026-03-10T14:49:59+09:00")
    assert "2026031015" not in carry_over()
    assert board("2026031015") == {}
    clock.set("2026-03-10T14:50:00+09:00")
    assert carry_over() == ["2026031015"]
    assert board("2026031015") == {product: 0.2}


def test_a_repeated_carry_over_changes_nothing(clock: Clock, product: str) -> None:
    count(*(a_view(product) for _ in range(30)))
    clock.set("2026-03-10T23:50:00+09:00")
    assert "20260311" in carry_over()
    before = kept("20260311")
    assert carry_over() == []
    assert kept("20260311") == before


def test_a_missed_carry_over_is_caught_up(clock: Clock, product: str) -> None:
    count(*(a_view(product) for _ in range(30)))
    clock.set("2026-03-11T00:05:00+09:00")
    count(a_view(product), at="2026-03-11T00:04:00+09:00")
    assert board("20260311") == {product: 0.1}
    assert "20260311" in carry_over()
    assert board("20260311") == {product: 0.4}


def test_events_after_the_carry_over_are_carried_too(clock: Clock, product: str) -> None:
    count(*(a_view(product) for _ in range(30)))
    clock.set("2026-03-10T23:50:00+09:00")
    carry_over()
    late, other = "2026-03-10T23:58:00+09:00", str(new_id())
    count(*(a_view(product) for _ in range(10)), *(a_view(other) for _ in range(10)), at=late)
    assert board("20260311") == {product: 0.4, other: 0.1}


def test_a_carry_over_reaches_back_a_week(clock: Clock, product: str) -> None:
    days = [f"202603{day}" for day in range(10, 19)]
    count(*(a_view(product) for _ in range(1000)))
    for day, following in pairwise(days):
        clock.set(f"2026-03-{day[-2:]}T23:50:00+09:00")
        carry_over()
        age = days.index(following)
        wanted = {product: pytest.approx(100 * 0.1**age, abs=1e-9)} if age <= 7 else {}
        assert board(following) == wanted
    assert all(not name.decode().startswith(product) for name in kept(days[-1])["parts"])


def test_an_unlike_counts_in_its_own_hour(clock: Clock, product: str) -> None:
    other = str(new_id())
    count(a_like(product), a_like(other), at="2026-03-10T14:10:00+09:00")
    clock.set("2026-03-10T15:20:00+09:00")
    count(an_unlike(product, liked_at="2026-03-10T14:10:00+09:00"), at="2026-03-10T15:10:00+09:00")
    count(a_view(other), at="2026-03-10T15:11:00+09:00")
    assert board("2026031014") == {other: 0.2}
    assert board("2026031015") == {other: 0.1}
    assert board(DAY) == {other: pytest.approx(0.3)}


def test_a_cancelled_order_loses_its_score(clock: Clock, product: str) -> None:
    order, never = an_order((product, 3, 1000)), an_order((product, 1, 500))
    count(order, a_view(product))
    count(a_cancellation(order), a_cancellation(never, was_confirmed=False))
    assert board(DAY) == board(HOUR) == {product: 0.1}


def test_an_order_cancelled_the_next_day_leaves_no_score(clock: Clock, product: str) -> None:
    order = an_order((product, 3, 1000))
    count(order)
    clock.set("2026-03-11T10:00:00+09:00")
    cancelled = a_cancellation(order, confirmed_at=NOW)
    count(cancelled, *(a_view(product) for _ in range(100)), at=clock.moment.isoformat())
    assert board(DAY) == {}
    assert board("20260311") == {product: 10.0}


def test_a_late_event_counts_on_its_own_day(clock: Clock, product: str) -> None:
    clock.set("2026-03-11T00:10:00+09:00")
    count(a_view(product), at="2026-03-10T23:59:59.999999+09:00")
    count(a_view(product), a_view(product), at="2026-03-11T00:00:00+09:00")
    assert board(DAY) == board("2026031023") == {product: 0.1}
    assert board("20260311") == board("2026031100") == {product: 0.2}


def test_the_same_event_counts_once(clock: Clock, product: str) -> None:
    event = envelope_of(a_view(product), at=NOW)
    assert deliver(event, event) == []
    assert deliver(event) == []
    order = envelope_of(an_order((product, 1, 100), (str(new_id()), 1, 50)), at=NOW)
    deliver(order, order)
    deliver(order)
    assert board(DAY)[product] == board(HOUR)[product] == round(0.1 + 0.7 * log(101), 9)


def test_an_event_too_old_for_its_board_is_left_to_the_metrics(clock: Clock, product: str) -> None:
    clock.set("2026-03-12T00:00:00+09:00")
    count(a_view(product))
    assert (board(DAY), board(HOUR)) == ({}, {})
    clock.set("2026-03-11T23:59:59+09:00")
    count(a_view(product))
    assert (board(DAY), board(HOUR)) == ({product: 0.1}, {})  # an hour is kept for a day


def test_a_changed_weight_rescores_the_running_boards(clock: Clock, product: str) -> None:
    other = str(new_id())
    count(*(a_view(product) for _ in range(100)), a_like(other), a_like(other))
    assert board(DAY) == {product: 10.0, other: 0.4}
    weights = Weights(version=1, view=0.5, like=1.0, order=0.7)
    assert board(DAY, weights) == board(HOUR, weights) == {product: 50.0, other: 2.0}
    # Whoever knows only the old ones changes nothing back.
    count(a_view(product))
    assert board(DAY) == {product: 50.5, other: 2.0}


def test_of_equal_scores_the_newer_product_is_first(clock: Clock) -> None:
    products = [str(new_id()) for _ in range(25)]
    count(*(a_view(each) for each in products[::2]), *(a_view(each) for each in products[1::2]))
    best = products[7]
    count(a_view(best))
    places = list(board(DAY))
    assert places == [best, *(each for each in reversed(products) if each != best)]


def test_everything_of_a_window_expires_with_it(clock: Clock, product: str) -> None:
    count(a_view(product))
    clock.set("2026-03-10T23:50:00+09:00")
    carry_over()
    kept_seconds = {DAY: 172_800, "20260311": 172_800, HOUR: 86_400}
    with server() as client:
        for key, seconds in kept_seconds.items():
            keys = Keys.of(window(key))
            for each in (keys.parts, keys.board):
                assert seconds - 60 < client.ttl(each) <= seconds, each
        assert 172_740 < client.ttl(Keys.of(window(DAY)).seen) <= 172_800
        assert [key for key in client.scan_iter() if client.ttl(key) < 0] == [
            b"lastunit:{ranking}:1:weights"
        ]


def test_a_batch_is_one_command(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    from commerce.runtime.cache.valkey import StrictValkey

    asked: list[object] = []
    run = StrictValkey.run

    def noted(self: StrictValkey, question: Any) -> Any:
        asked.append(question)
        return run(self, question)

    monkeypatch.setattr(StrictValkey, "run", noted)
    count(*(a_view(str(new_id())) for _ in range(50)), an_order((str(new_id()), 1, 1)))
    assert len(asked) == 1
    assert len(board(DAY)) == 51


@pytest.mark.parametrize(
    ("zone", "day", "hour"),
    [
        ("UTC", "20260310", "2026031005"),
        ("Asia/Kolkata", "20260310", "2026031011"),
        ("America/Los_Angeles", "20260309", "2026030922"),
    ],
)
def test_windows_are_in_the_business_time_zone(
    clock: Clock, product: str, zone: str, day: str, hour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUSINESS_TIME_ZONE", zone)
    count(a_view(product))
    assert board(day) == board(hour) == {product: 0.1}
