"""The live boards: events into them in batches, and the first page out of them."""

import argparse
import os
import random
from functools import partial
from time import perf_counter
from typing import Any

from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

MEMBERS = 100_000
EVENTS = 200_000
BATCHES = (10, 100, 500)
READS = 3000


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Fill a board with 100,000 products, add events, read it, weigh it anew, carry it over."""
    with servers():
        from commerce.shared.clock import new_id

        products = [str(new_id()) for _ in range(MEMBERS)]
        report.say(f"a board of {MEMBERS:,} products")
        fill(products)
        add_events(report, products)
        through_the_handler(report, products)
        read(report)
        in_steps(report)


def fill(products: list[str]) -> None:
    """Let each product be viewed once."""
    for start in range(0, MEMBERS, 1000):
        count(products[start : start + 1000])


def count(products: list[str]) -> None:
    """One batch: a view of each."""
    from commerce.app.ranking_boards import write_boards
    from commerce.ranking import Weights

    write_boards().add(activities(products), Weights())


def activities(products: list[str]) -> list[Any]:
    """A view, a like or an order's line for each."""
    from uuid import UUID

    from commerce.ranking import Activity, ProductDelta
    from commerce.shared import clock

    now = clock.now()
    kinds = ((1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 12_000))  # views, likes, amount
    return [
        Activity(clock.new_id(), now, [ProductDelta(UUID(product), *kinds[number % len(kinds)])])
        for number, product in enumerate(products)
    ]


def add_events(report: Report, products: list[str]) -> None:
    """Batches of several sizes, into the boards of hour and day at once."""
    from commerce.app.ranking_boards import write_boards
    from commerce.ranking import Weights

    chance = random.Random(1)  # noqa: S311
    boards, weights = write_boards(), Weights()
    popular = products[: MEMBERS // 100]
    for size, what in (
        *((size, f"batches of {size}") for size in BATCHES),
        (BATCHES[-1], f"batches of {BATCHES[-1]}, four in five of one product in a hundred"),
    ):
        events = min(EVENTS, size * 1000)
        report.say(f"{events:,} events in {what}")
        share = 4 / 5 if "four in five" in what else 0.0
        batches = [
            activities(
                [
                    chance.choice(popular if chance.random() < share else products)
                    for _ in range(size)
                ]
            )
            for _ in range(events // size)
        ]
        seconds = [timed(partial(boards.add, batch, weights)) for batch in batches]
        timing = Timing.of(seconds)
        report.add(
            "ranking: events into the boards of hour and day",
            what,
            "≥ 20,000 a second" if size == BATCHES[-1] else "",
            events_per_second=round(events / sum(seconds)),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
        )


def through_the_handler(report: Report, products: list[str]) -> None:
    """The same from the queue's messages: their JSON is most of the work."""
    from commerce.entrypoints.telemetry import logger
    from tests.support.envelopes import a_view, envelope_of
    from tests.support.lambda_calls import bus_message, function, lambda_context, sqs_event

    handler, context = function("ranking/on_ranked_activity"), lambda_context(30)
    calls = [
        sqs_event(
            *(bus_message(envelope_of(a_view(each))) for each in products[start : start + 500])
        )
        for start in range(0, 20_000, 500)
    ]
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for each in logger.handlers:
            each.stream = nowhere  # type: ignore[attr-defined]
        seconds = sum(timed(partial(handler, call, context)) for call in calls)
    report.add(
        "ranking: events into the boards of hour and day",
        "batches of 500, through the handler",
        events_per_second=round(500 * len(calls) / seconds),
    )


def read(report: Report) -> None:
    """The first twenty places, a page far back, and one product's rank."""
    from commerce.app.ranking_boards import boards, todays_rank
    from commerce.ranking import Period, Weights, Window
    from commerce.runtime import business_time
    from commerce.shared import clock

    today = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    weights = Weights()
    page = boards().page(today, weights, 0, 20)
    if page is None or len(page.items) != 20:
        raise RuntimeError("the board is not there")
    some = str(page.items[7].product_id)
    for what, goal, question in (
        ("top 20", "p99 ≤ 2 ms", lambda: boards().page(today, weights, 0, 20)),
        ("page 2,500 of 20", "", lambda: boards().page(today, weights, 50_000, 20)),
        ("one product's rank", "", lambda: todays_rank(some)),
    ):
        timing = Timing.of([timed(question) for _ in range(READS)])
        report.add(
            f"ranking: reads of a board of {MEMBERS:,} products",
            what,
            goal,
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
        )


def in_steps(report: Report) -> None:
    """Measure work on all products, which goes in steps that block the server one at a time."""
    from commerce.app.ranking_boards import boards
    from commerce.ranking import Boards, Period, Weights, Window
    from commerce.ranking.boards import STEP
    from commerce.runtime import business_time
    from commerce.shared import clock

    now, zone = clock.now(), business_time.zone()
    today = Window.containing(Period.DAILY, now, zone)
    steps: list[float] = []
    run_step = Boards._run

    def measured(self: Any, *arguments: Any) -> Any:
        started = perf_counter()
        answer = run_step(self, *arguments)
        steps.append(perf_counter() - started)
        return answer

    Boards._run = measured  # type: ignore[assignment, method-assign]
    weights = Weights(version=1, view=0.5)
    for what, work in (
        ("weigh anew", lambda: boards().rescore(today, weights)),
        ("carry over", lambda: boards().carry(today, today.following(zone), weights)),
    ):
        steps.clear()
        seconds = timed(work)
        timing = Timing.of(steps)
        report.add(
            f"ranking: all {MEMBERS:,} products, in steps of {STEP}",
            what,
            seconds=round(seconds, 2),
            step_p50_ms=timing.p50_ms,
            step_p99_ms=timing.p99_ms,
        )
    Boards._run = run_step  # type: ignore[method-assign]
