"""Many at once on the live boards: nothing is lost, nothing counts twice."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from commerce.app import ranking_boards, ranking_jobs
from commerce.app.transactions import in_transaction
from commerce.ranking import RankingFacade, SetRankingWeights, Weights
from commerce.shared.clock import new_id
from tests.support.envelopes import a_cancellation, a_like, a_view, an_order, an_unlike, envelope_of
from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event
from tests.support.rankings import Clock, board, carry, carry_over, deliver, kept, window
from tests.support.threads import run_concurrently
from tests.support.valkey import empty_valkey

pytestmark = pytest.mark.usefixtures("own_shop")

DAY, NEXT, HOUR = "20260310", "20260311", "2026031014"
NOW = "2026-03-10T14:30:00+09:00"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    empty_valkey()
    yield Clock(monkeypatch, NOW)
    empty_valkey()


def some_events(products: list[str], chance: random.Random) -> list[dict[str, Any]]:
    orders = [an_order((chance.choice(products), 1, chance.randint(1, 9999))) for _ in range(20)]
    events = [
        *orders,
        *(a_cancellation(each) for each in orders[::3]),
        *(a_view(chance.choice(products)) for _ in range(120)),
        *(a_like(chance.choice(products)) for _ in range(60)),
        *(an_unlike(chance.choice(products)) for _ in range(20)),
    ]
    return [envelope_of(event, at=NOW) for event in events]


def in_batches(envelopes: list[dict[str, Any]], size: int = 20) -> list[list[dict[str, Any]]]:
    return [envelopes[start : start + size] for start in range(0, len(envelopes), size)]


def deliver_to_metrics(envelopes: list[dict[str, Any]]) -> None:
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("metrics/on_product_activity")(event, lambda_context())
    assert answer == {"batchItemFailures": []}


def ignore_progress(what: str, done: int) -> None:
    """Take the progress of a rebuild and do nothing with it."""


def one_by_one(envelopes: list[dict[str, Any]], *keys: str) -> list[Any]:
    """Return the boards after each event was delivered alone, once, in order."""
    empty_valkey()
    for each in envelopes:
        assert deliver(each) == []
    return [kept(key)["board"] for key in keys]


def test_simultaneous_events_count_once_each(clock: Clock) -> None:
    chance = random.Random(7)  # noqa: S311
    notices_sent = some_events([str(new_id()) for _ in range(5)], chance)
    arriving = notices_sent + chance.sample(notices_sent, len(notices_sent) // 2)
    chance.shuffle(arriving)

    failed = run_concurrently([partial(deliver, *batch) for batch in in_batches(arriving)])

    assert failed == [[]] * len(failed)
    found = [kept(key)["board"] for key in (DAY, HOUR)]
    assert found == one_by_one(notices_sent, DAY, HOUR)
    assert len(found[0]) > 2


def test_simultaneous_carry_overs_carry_a_tenth_once(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce.ranking.boards.STEP", 3)  # many steps, among which events come
    chance = random.Random(8)  # noqa: S311
    products = [str(new_id()) for _ in range(200)]
    early = [envelope_of(a_view(each), at=NOW) for each in products]
    assert deliver(*early) == []
    late = some_events(products, chance)
    clock.set("2026-03-10T23:51:00+09:00")

    calls: list[Callable[[], object]] = [carry_over, carry_over, partial(carry, DAY, NEXT)]
    calls += [partial(deliver, *batch) for batch in in_batches(late)]
    run_concurrently(calls)

    carried = kept(NEXT)
    assert carried["parts"][b"carried"] == b"done"
    whole = board(DAY, limit=1000)
    assert {name.decode() for name in carried["board"]} == set(whole)
    for product, score in whole.items():
        assert carried["board"][product.encode()] == pytest.approx(score / 10, abs=1e-8)


def test_weights_changed_during_events_apply_to_every_product(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce.ranking.boards.STEP", 5)
    chance = random.Random(9)  # noqa: S311
    events = some_events([str(new_id()) for _ in range(150)], chance)
    assert deliver(*events[:100]) == []
    new = Weights(version=1, view=0.5, like=0.3, order=0.1)

    run_concurrently(
        [partial(ranking_boards.write_boards().rescore_running, new)] * 3
        + [partial(deliver, *batch) for batch in in_batches(events[100:])]
    )

    found = board(DAY, new, limit=1000)
    empty_valkey()
    ranking_boards.write_boards().rescore_running(new)
    deliver(*events)
    assert board(DAY, new, limit=1000) == found


def test_a_rebuild_during_events_counts_each_once(clock: Clock) -> None:
    chance = random.Random(10)  # noqa: S311
    products = [str(new_id()) for _ in range(20)]
    before, meanwhile = some_events(products, chance), some_events(products, chance)
    deliver_to_metrics(before)
    assert deliver(*before) == []

    def both(batch: list[dict[str, Any]], board_first: bool) -> None:  # noqa: FBT001
        if not board_first:
            deliver_to_metrics(batch)
        assert deliver(*batch) == []
        if board_first:
            deliver_to_metrics(batch)

    def rebuild() -> list[Any]:
        return ranking_jobs.rebuild_rankings(window(DAY).begins.date(), ignore_progress)

    run_concurrently(
        [rebuild]
        + [
            partial(both, batch, number % 2 == 0)
            for number, batch in enumerate(in_batches(meanwhile, 10))
        ]
    )

    found = kept(DAY)["board"]
    assert [found] == one_by_one(before + meanwhile, DAY)


def test_simultaneous_weights_are_all_stored_and_the_last_applies() -> None:
    def set_view(view: float) -> Weights:
        command = SetRankingWeights(view=view, like=0.2, order=0.7)
        return in_transaction(RankingFacade.set_weights, command, by="Ann")

    done: list[Weights] = []
    for _ in range(3):
        done += run_concurrently([partial(set_view, n / 10) for n in range(3)])

    assert sorted(each.version for each in done) == list(range(1, 10))
    newest = max(done, key=lambda each: each.version)
    assert in_transaction(RankingFacade.weights) == newest
