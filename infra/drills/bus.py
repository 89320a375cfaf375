"""Lose the bus for an hour of orders, and deliver every event once it is back."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

from infra.drills.frame import Report, environment
from infra.drills.load import check_books, orders_going_on
from infra.drills.partners import Partners, partners
from infra.local.ports import LOOPBACK, Ports
from infra.template import read_template

ALARM = "OutboxStuckAlarm"
METRIC = "OutboxOldestAgeSeconds"
OUTAGE_SECONDS = 3600
WITHIN_SECONDS = 300  # so many orders are placed, or the drill gives up

_AGE = """
    UPDATE outbox SET occurred_at = occurred_at - $1 * interval '1 second'
    WHERE published_at IS NULL
"""


def prove(report: Report, count: int) -> None:
    """Place orders while the bus refuses and while it is unreachable, and let it come back."""
    from tests.support.shop import a_product, rows

    with partners() as outside:
        product = a_product(stock=1_000_000, price=1)
        with orders_going_on(product) as placed:
            with environment(EVENT_BUS_NAME="no-such-bus"):
                _outage(report, placed.orders, count // 2, "refuses every event")
            with unreachable_bus():
                _outage(report, placed.orders, count - count // 2, "is unreachable")
        report.check(
            "Orders go on without a bus",
            str(placed),
            holds=len(placed.orders) >= count and not placed.failures,
        )
        rows(_AGE, OUTAGE_SECONDS)
        with unreachable_bus():
            _check_alarm(report)
        received = _catch_up(report, outside)
        _check_delivery(report, outside, received, placed.orders)
        check_books(report, "after all")


def _outage(report: Report, orders: Sequence[str], count: int, state: str) -> None:
    """Let the relay run as every minute while orders are placed and the bus is away."""
    from tests.support.other_connection import wait_until

    aim = len(orders) + count
    first, _ = relay()
    wait_until(lambda: len(orders) >= aim, WITHIN_SECONDS)
    second, _ = relay()
    report.check(
        f"The bus {state}",
        f"{second['waiting']} events wait, {second['published']} were published and"
        f" {second['quarantined']} quarantined",
        holds=first["published"] == second["published"] == second["quarantined"] == 0
        and second["waiting"] > 0,
        only_aws="EventBridge's own errors, and retries of the client against its many servers",
    )


def relay() -> tuple[dict[str, int], dict[str, float]]:
    """Run the relay's schedule once; returns its answer, and the metrics that it wrote."""
    from tests.support.lambda_calls import function, lambda_context

    with redirect_stdout(StringIO()) as written:
        answer = function("outbox/every_minute_relay")({}, lambda_context(60))
    lines = [line for line in written.getvalue().splitlines() if "CloudWatchMetrics" in line]
    metrics: dict[str, float] = {}
    for line in map(json.loads, lines):
        found = {name: value for name, value in line.items() if name.startswith("Outbox")}
        metrics |= {name: value[0] for name, value in found.items()}
    return answer, metrics


def _check_alarm(report: Report) -> None:
    """See that the metric which the alarm watches is above its threshold."""
    alarm = read_template()["Resources"][ALARM]["Properties"]
    _, metrics = relay()
    age = metrics.get(METRIC, 0.0)
    report.check(
        f"The metric {METRIC} shows it after an hour",
        f"{age:.0f} s, written by the relay's schedule each minute; {ALARM} rings above"
        f" {alarm['Threshold']} s, in {alarm['DatapointsToAlarm']} of {alarm['EvaluationPeriods']}"
        " minutes",
        holds=alarm["MetricName"] == METRIC and age >= OUTAGE_SECONDS > alarm["Threshold"],
        only_aws="the alarm itself, its mail, and that it falls silent",
    )


def _catch_up(report: Report, outside: Partners) -> list[Mapping[str, Any]]:
    """Let the bus come back, and the relay run until nothing waits; returns what arrived."""
    began, published, waiting, metrics = time.monotonic(), 0, 1, dict[str, float]()
    while waiting and time.monotonic() - began < WITHIN_SECONDS:
        answer, metrics = relay()
        published, waiting = published + answer["published"], answer["waiting"]
    seconds = time.monotonic() - began
    report.check(
        "The bus is back",
        f"{published} events published in {seconds:.1f} s, {waiting} wait; {METRIC} is"
        f" {metrics.get(METRIC, -1):.0f}",
        holds=not waiting and metrics.get(METRIC) == 0,
        only_aws="how fast EventBridge takes an hour's events",
    )
    received: list[Mapping[str, Any]] = outside.bus.received()
    return received


def _check_delivery(
    report: Report,
    outside: Partners,
    received: Sequence[Mapping[str, Any]],
    orders: Sequence[str],
) -> None:
    """See that each event arrived once, in its aggregate's order, and each order was sent."""
    from tests.support.shop import rows

    recorded = Counter(str(row.id) for row in rows("SELECT id FROM outbox"))
    arrived = Counter(each["id"] for each in received)
    lost, twice = recorded - arrived, arrived - recorded
    report.check(
        "Every event arrives",
        f"{len(arrived)} of {len(recorded)} arrived, {lost.total()} lost, {twice.total()} twice:"
        " a bus that took events and answered too late is given them again, and consumers take"
        " each once",
        holds=not lost,
    )
    versions: dict[str, list[int]] = defaultdict(list)
    first = {each["id"]: each for each in reversed(received)}
    for each in (each for each in received if each is first[each["id"]]):
        versions[each["aggregate_id"]].append(each["aggregate_version"])
    displaced = [id_ for id_, found in versions.items() if found != sorted(found)]
    report.check(
        "Events of an aggregate arrive in their order, the first time",
        f"{len(versions)} aggregates, {len(displaced)} out of their order",
        holds=not displaced,
        only_aws="queues that are not FIFO may swap messages again: consumers bear it",
    )
    outside.ship(received)
    unsent = [each for each in orders if outside.delivery.kinds(each) != ["ORDER"]]
    [left] = rows("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")
    report.check(
        "The outbox is empty and every order is sent",
        f"{left.n} events wait; the delivery system knows {len(orders) - len(unsent)} of"
        f" {len(orders)} orders once",
        holds=not left.n and not unsent,
    )


@contextmanager
def unreachable_bus() -> Iterator[None]:
    """Lead the relay to a port at which nothing listens while the block lasts."""
    from commerce.runtime import aws

    closed = f"http://{LOOPBACK}:{Ports.free().emulator}"
    with environment(AWS_ENDPOINT_URL_EVENTBRIDGE=closed):
        aws.client.cache_clear()
        try:
            yield
        finally:
            aws.client.cache_clear()
