"""Soak the card payments: `make soak`, or `make soak SOAK_ARGS="--orders 200 --seed 7"`.

Servers of its own are started, and nothing is left behind. Exit code 1 where the books do not hold.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local.gateway import gateway_secret, start_gateway
from infra.local.ports import Ports
from tests.harness.servers import servers

SECONDS_FOR_MINUTES = {  # what is a minute elsewhere takes a second or two here
    "PAYMENT_RECONCILE_AFTER_SECONDS": "2",
    "GATEWAY_GRACE_SECONDS": "2",
    "BREAKER_OPEN_SECONDS": "1",
}


def main() -> None:
    """Run the soak, show its table and exit with 1 where the books do not hold."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16, help="buyers at the same time")
    parser.add_argument("--seed", type=int, default=1, help="of the gateway's fates and the buyers")
    parser.add_argument(
        "--time-scale", type=float, default=0.1, help="of the gateway: 1 is as slow as the real one"
    )
    arguments = parser.parse_args()
    console = Console(highlight=False, width=140)
    with servers(), _a_gateway(arguments.time_scale) as gateway_url, _quiet_functions():
        from tests.harness.soak.card_payments import (
            Plan,
            Soak,
        )  # imported when the environment is set
        from tests.support.payments import callbacks_received

        plan = Plan(arguments.orders, arguments.clients, arguments.seed)
        with callbacks_received() as callback_url:
            os.environ["GATEWAY_CALLBACK_URL"] = callback_url
            found = Soak(plan, gateway_url, lambda text: console.print(f"… {text}")).run()
    table = Table(title=f"{plan.orders} card orders, seed {plan.seed}", show_header=False)
    for name, value in found.table():
        table.add_row(name, value)
    console.print(table)
    sys.exit(1 if found.problems or found.dead_letters else 0)


@contextmanager
def _a_gateway(time_scale: float) -> Iterator[str]:
    """A gateway in a process of its own; yields its URL."""
    directory = Path(tempfile.mkdtemp(prefix="lastunit-soak-"))
    server = start_gateway(directory, Ports.free().gateway, time_scale)
    os.environ |= {"GATEWAY_URL": server.url, "GATEWAY_SECRET": gateway_secret(directory)}
    os.environ |= SECONDS_FOR_MINUTES
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _quiet_functions() -> Iterator[None]:
    """Discard the functions' log, and let alerts go to a topic without subscribers."""
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"  # read when telemetry is imported
    from commerce.app import transactions
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime.aws import client
    from commerce.runtime.cache import valkey

    transactions._nudge_the_relay = lambda: None  # this relay never sleeps
    valkey.TIMEOUT_SECONDS = 5.0  # the breaker is to be shared, however busy the machine is
    os.environ["OPS_TOPIC_ARN"] = client("sns").create_topic(Name="ops")["TopicArn"]
    os.environ.setdefault("FINGERPRINT_KEY", "the fingerprints of a soak are nobody's")
    with Path(os.devnull).open("w") as nowhere:
        for each in logger.handlers:
            each.setStream(nowhere)  # type: ignore[attr-defined]
        yield


if __name__ == "__main__":
    main()
