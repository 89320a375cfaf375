"""Attack the API: `make fuzz`, or `make fuzz FUZZ_ARGS="--cases 2000 --seed 7"`.

The real handlers, PostgreSQL and Valkey of its own, nothing left behind. Exit code 1 where an
answer was not one that docs/openapi.json promises, a handler raised, or access was granted wrongly.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import urllib3
from rich.console import Console
from rich.table import Table

from infra.local.gateway import gateway_secret, start_gateway
from infra.local.ports import Ports
from tests.harness.servers import servers
from tests.support.beacon import a_beacon
from tests.support.delivery import a_delivery_system

if TYPE_CHECKING:
    from tests.harness.fuzz.conformance import AttackResult

SHOWN_AT_ONCE = 3
CONSOLE = Console(file=sys.stdout, highlight=False, width=140)


def main() -> None:
    """Run every attack, show the table and the findings."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with servers(), _neighbours(), _quiet_functions():
        results: list[AttackResult] = []
        try:
            for result in _attacks(arguments.cases, arguments.seed):
                CONSOLE.print(f"… {result.name}: {result.cases}, {len(result.findings)} findings")
                for finding in result.findings[:SHOWN_AT_ONCE]:
                    CONSOLE.print(f"  {finding}", markup=False)
                results.append(result)
        except KeyboardInterrupt:
            CONSOLE.print("Interrupted; so far:")
    _show(results, arguments.seed, time.monotonic() - began)
    findings = [each for result in results for each in result.findings]
    cases = sum(each.cases for each in results)
    from tests.harness.fuzz import coverage

    for line in coverage.summary(results):
        CONSOLE.print(line)
    is_short = cases < arguments.cases or coverage.never_succeeded(results)
    sys.exit(1 if findings or is_short else 0)


def _attacks(cases: int, seed: int) -> "Iterator[AttackResult]":
    # Imported when the environment is set.
    from tests.harness.fuzz import attacks, callbacks, events, queue_messages, schema_requests
    from tests.harness.fuzz.world import a_world

    chance = random.Random(seed)  # noqa: S311 - it is to be repeatable
    world = a_world()
    hand_made = cases // 2
    yield from events.hostile_events(events.generate_events(world), cases // 20, seed)
    yield callbacks.hostile_callbacks(world, cases // 40, seed)
    yield attacks.forged_tokens(world)
    yield attacks.others_ids(world)
    yield from attacks.hostile_words(world, chance, hand_made)
    yield queue_messages.hostile_records(chance, max(cases // 10, 20))
    found = list(schema_requests.attacks())
    each_one = max(cases * 2 // 5 // len(found), 3)
    for operation, mode in found:
        yield schema_requests.attack(operation, mode, world, each_one, seed)
    yield events.check_books()


def _show(results: "list[AttackResult]", seed: int, seconds: float) -> None:
    table = Table(title=f"Hostile input, seed {seed}, {seconds:.0f} s")
    for name in ("tried", "cases", "answers", "findings"):
        table.add_column(name, justify="left" if name in ("tried", "answers") else "right")
    for result in results:
        answers = ", ".join(f"{each}: {n}" for each, n in sorted(result.answers.items()))
        table.add_row(result.name, str(result.cases), answers, str(len(result.findings)))
    cases = sum(each.cases for each in results)
    findings = sum(len(each.findings) for each in results)
    table.add_row("all", str(cases), "", str(findings), style="bold")
    CONSOLE.print(table)
    for result in results:
        for finding in dict.fromkeys(result.findings):
            CONSOLE.print(f"{result.name}: {finding}", markup=False)


@contextmanager
def _neighbours() -> Iterator[None]:
    """Start a healthy, fast gateway and delivery system, and a beacon."""
    from tests.harness.fuzz.world import UNLIMITED

    directory = Path(tempfile.mkdtemp(prefix="lastunit-fuzz-"))
    server = start_gateway(directory, Ports.free().gateway, 0.01)
    urllib3.request("PUT", f"{server.url}/behaviour", json={"mode": "healthy"})
    os.environ |= {
        "GATEWAY_URL": server.url,
        "GATEWAY_SECRET": gateway_secret(directory),
        "GATEWAY_CALLBACK_URL": "http://localhost:9/payments/callbacks",  # nobody listens there
        "SHIPPING_RETRY_BASE_SECONDS": "0",
        "PAYMENT_RECONCILE_AFTER_SECONDS": "0",
        "TOKEN_LIFETIME_SECONDS": "86400",  # longer than the run
        **UNLIMITED,
    }
    try:
        with a_delivery_system() as delivery, a_beacon() as (_, relays):
            os.environ |= {"BEACON_URLS": relays, "BEACON_CHAIN": "SIMULATED"}
            os.environ |= {"DELIVERY_URL": delivery.url, "DELIVERY_SECRET": delivery.secret}
            yield
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _quiet_functions() -> Iterator[None]:
    """Discard logs and metrics, and let alerts go to a topic without subscribers."""
    from commerce.app import transactions
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime.aws import client
    from commerce.runtime.cache import valkey
    from commerce.runtime.messaging import dead_letters

    transactions._nudge_the_relay = lambda: None  # this relay never sleeps
    valkey.TIMEOUT_SECONDS = 5.0  # however busy the machine is
    dead_letters.EMPTY_RECEIVES = 1  # one server, which hides nothing
    os.environ["OPS_TOPIC_ARN"] = client("sns").create_topic(Name="ops")["TopicArn"]
    os.environ.setdefault("FINGERPRINT_KEY", "the fingerprints of an attack are nobody's")
    with Path(os.devnull).open("w") as nowhere:
        for each in logger.handlers:
            each.setStream(nowhere)  # type: ignore[attr-defined]
        with redirect_stdout(nowhere):  # where metrics go
            yield


if __name__ == "__main__":
    main()
