"""Likes of one product, by as many processes as ask for it at once, through the real handler.

The nudges that would go to SQS are counted instead of sent.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter, sleep, time

from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

PROCESSES = 8
SECONDS = 10
WARM_UP = 50


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Like one product with eight processes, and count what came of it."""
    with servers():
        from tests.support.shop import a_product, likes_of, rows

        product = a_product()
        report.say(f"{PROCESSES} processes like one product for {SECONDS} s")
        starts_at = time() + 8  # when all have started
        with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as processes:
            found = list(
                processes.map(like_for_a_while, [product] * PROCESSES, [starts_at] * PROCESSES)
            )
        seconds = [each for took, _ in found for each in took]
        timing = Timing.of(seconds)
        [recorded] = rows("SELECT count(*) AS n FROM outbox WHERE type = 'ProductLiked'")
        report.add(
            "likes of one hot product",
            f"{PROCESSES} processes",
            "≥ 1,000 a second",
            likes_per_second=round(len(seconds) / SECONDS),
            p50_ms=timing.p50_ms,
            p99_ms=timing.p99_ms,
            likes=likes_of(product),
            events=int(recorded.n),
            nudges_not_sent=sum(nudges for _, nudges in found),
        )


def like_for_a_while(product: str, starts_at: float) -> tuple[list[float], int]:
    """In a process of its own: the seconds each like took, and how many nudges there were."""
    from commerce.app import transactions
    from commerce.entrypoints.telemetry import logger
    from tests.support.lambda_calls import function, http_event, lambda_context
    from tests.support.shop import a_buyer

    nudges: list[int] = []
    transactions._nudge_the_relay = lambda: nudges.append(1)
    handler, context, path = function("like/like_product"), lambda_context(), "/products"

    def like() -> None:
        event = http_event("PUT", f"{path}/{product}/like", token=a_buyer().token)
        started = perf_counter()
        answer = handler(event, context)
        took.append(perf_counter() - started)
        if answer["statusCode"] != 200:
            raise RuntimeError(answer["body"])

    took: list[float] = []
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        for each in logger.handlers:
            each.stream = nowhere  # type: ignore[attr-defined]
        for _ in range(WARM_UP):
            timed(like)
        sleep(max(0.0, starts_at - time()))
        took.clear()
        while time() < starts_at + SECONDS:
            like()
        return took, len(nudges)
