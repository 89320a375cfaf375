"""The relay: events per second from outbox to bus, and its memory while a million events wait.

python -m tests.harness.bench.relay      prints a table, writes .local/bench-relay.json
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.harness.bench.report import Report
from tests.harness.servers import servers

SMALL = 10_000
EVENTS = 10_000  # that are put per measurement
EVENTS_TO_MOTO = 3_000
FILL = 50_000  # rows per statement, which has 5 s
ROOT = Path(__file__).parents[3]
RESULT = ROOT / ".local" / "bench-relay.json"
_FILL = """
INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version, trace_id, data)
SELECT gen_random_uuid(), 'commerce.order', 'OrderConfirmed', now(), gen_random_uuid(), 1, 'bench',
    jsonb_build_object('order_id', gen_random_uuid(), 'lines', jsonb_build_array(
        jsonb_build_object('product_id', gen_random_uuid(), 'product_name', 'Moon Jar',
            'unit_price', jsonb_build_object('amount', 32000, 'currency', 'KRW'), 'quantity', n)))
FROM generate_series(1, CAST($1 AS int)) AS n
"""


class CountingBus:
    """Takes everything, and only counts: what is measured is the relay."""

    def __init__(self) -> None:
        self.taken = 0

    def put(self, envelopes: Sequence[Any]) -> list[str | None]:
        """Take them."""
        self.taken += len(envelopes)
        return [None] * len(envelopes)


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Measure at 10,000 and at `size` waiting events, each in a process of its own."""
    with servers() as superuser:
        from tests.support.backends import own_database  # imported when the environment is set

        peaks: dict[int, float] = {}
        for size in (SMALL, arguments.size):
            with own_database(superuser) as url:
                report.say(f"{size:,} events are put into the outbox")
                fill(url, size)
                found = measured(url, "memory", EVENTS)
                peaks[size] = found["peak_mb"]
                report.add(
                    "relay", f"{size:,} wait, a bus in memory", goal="≥ 1,000 events/s", **found
                )
                if size == SMALL:
                    fill(url, EVENTS_TO_MOTO)
                    found = measured(url, "moto", EVENTS_TO_MOTO)
                    report.add("relay", "moto over HTTP (one process)", goal="", **found)
                elif size >= 1_000_000:
                    report.keep("plans/outbox.md", explained(url, size))
        small, large = peaks.values()
        report.add(
            "relay's memory", "peak at most ÷ at fewest", "≤ 1.2", ratio=round(large / small, 3)
        )


def fill(url: str, size: int) -> None:
    """Let so many more events wait."""
    from commerce.runtime.db.connection import Database
    from commerce.runtime.db.pipeline import Query

    database = Database(lambda: url)
    for left in range(size, 0, -FILL):
        database.run([Query(_FILL, [min(FILL, left)])])
    database.run([Query("ANALYZE outbox")])
    database.close()


def measured(url: str, bus: str, events: int) -> dict[str, float]:
    """Put so many events in a process of its own: its speed and its peak memory."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.harness.bench.relay",
            "--measure",
            bus,
            "--events",
            str(events),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/domain/python")]),
        },
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(bus: str, events: int) -> dict[str, float]:
    """Measure one bus in the process that is measured."""
    from commerce.runtime.db.connection import Database
    from commerce.runtime.messaging.bus import EventBridgeBus
    from commerce.runtime.messaging.relay import CHUNK, Relay

    database = Database(lambda: os.environ["DATABASE_URL"])
    relay = Relay(database, CountingBus() if bus == "memory" else EventBridgeBus())
    relay.waiting()
    started = perf_counter()
    done = relay.run(max_chunks=events // CHUNK, max_seconds=600)
    seconds = perf_counter() - started
    database.close()
    return {
        "events": done.published,
        "events_per_second": round(done.published / seconds),
        "peak_mb": round(peak_mb(), 1),
    }


def peak_mb() -> float:
    """This process' peak memory. (getrusage would count what its parent had when it forked.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise LookupError("VmHWM")


def explained(url: str, size: int) -> str:
    """Return PostgreSQL's plans for reading a chunk and for counting the waiting events."""
    from commerce.runtime.db import statements
    from commerce.runtime.db.connection import Database
    from commerce.runtime.db.pipeline import Query
    from commerce.runtime.messaging import relay

    database = Database(lambda: url)
    parts = [f"# The outbox, while {size:,} events wait\n"]
    queries = {
        "Taking a chunk": statements.TAKE(after=0, limit=relay.CHUNK),
        "Counting what waits": statements.WAITING(),
    }
    for title, query in queries.items():
        explain = Query(f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", query.values)
        plan = "\n".join(str(row[0]) for row in database.run([explain])[0])
        parts.append(f"## {title}\n\n```\n{plan}\n```\n")
    database.close()
    return "\n".join(parts)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="events that wait")
    parser.add_argument("--json", type=Path, default=RESULT, help="where the figures go")
    parser.add_argument("--measure", choices=["memory", "moto"], help=argparse.SUPPRESS)
    parser.add_argument("--events", type=int, default=EVENTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        sys.stdout.write(json.dumps(measure(arguments.measure, arguments.events)))
        return
    report = Report()
    run(report, arguments)
    report.show()
    report.write(arguments.json)
    report.say(f"as JSON: {arguments.json}")


if __name__ == "__main__":
    main()
