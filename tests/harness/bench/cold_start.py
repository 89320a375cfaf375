"""The cold start of place_order, next to a handler that does nothing with the same packages.

Both run from what `sam build` makes: its dependency layer, with the bytecode that is shipped, and
for ours its domain layer and function. Each is a new interpreter that imports its handler (INIT),
serves one event, and then some more; what counts is CPU time, of the interpreter alone, so that a
busy machine changes little.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from infra.local.deployment import Deployment, python_runtime
from tests.harness.bench.report import Report
from tests.harness.servers import servers

TIMES = 15
WARM = 50

# The same packages, the same route, one statement: what a function of this kind costs at least.
EMPTY = """
from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.event_handler import APIGatewayRestResolver
import os, pg8000.native
from urllib.parse import urlsplit
from pydantic import BaseModel
logger, tracer, metrics = Logger(), Tracer(), Metrics()
api = APIGatewayRestResolver(enable_validation=True)
class Order(BaseModel):
    lines: list[dict[str, object]]
    payment_method: str
@api.post("/orders")
def place(order: Order) -> tuple[dict[str, int], int]:
    url = urlsplit(os.environ["DATABASE_URL"])
    connection = pg8000.native.Connection(url.username, host=url.hostname, port=url.port,
        database=url.path[1:], password=url.password)
    return {"one": connection.run("SELECT 1")[0][0]}, 201
@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def handler(event, context):
    return api.resolve(event, context)
"""
OURS = "from order.place_order import handler"
SERVE = """
import json, resource, sys
from types import SimpleNamespace
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
context = SimpleNamespace(function_name="bench", memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="bench", get_remaining_time_in_millis=lambda: 10_000)
moments, statuses = [spent()], set()
for event in json.load(sys.stdin):
    statuses.add(handler(event, context)["statusCode"])
    moments.append(spent())
try:  # ru_maxrss begins with the parent's size
    with open("/proc/self/status") as status:
        peak = int(status.read().partition("VmHWM:")[2].split()[0])
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([sorted(statuses), moments, peak]))
"""


class Start(NamedTuple):
    """An interpreter's CPU seconds until its handler is imported, for its first answer and for each
    of the next, and the most memory that it ever had, in MB."""

    init: float
    first: float
    warm: float
    peak: float


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Start both in turns, each in an interpreter of its own; the medians count."""
    with servers(), TemporaryDirectory(prefix="lastunit-built-") as directory:
        report.say("sam build")
        deployment = Deployment(Path(directory), "", {"PythonRuntime": python_runtime()})
        built = deployment.build()
        report.say(f"starting two handlers, {TIMES} times each")
        events = _events()
        starts: dict[str, list[Start]] = {EMPTY: [], OURS: []}
        for _ in range(TIMES):
            for source, found in starts.items():
                found.append(started(source, events, built))
        empty, ours = (
            Start(*map(statistics.median, zip(*found, strict=True))) for found in starts.values()
        )
        table = "cold start of place_order, from what sam build made: CPU ms"
        for what in ("init", "first", "warm"):
            one, other = getattr(empty, what), getattr(ours, what)
            report.add(table, what, empty_handler=_ms(one), ours=_ms(other),
                       ratio=round(other / one, 2))  # fmt: skip
        cold = [each.init + each.first for each in (empty, ours)]
        report.add(table, "to its first answer", "ratio ≤ 1.3", empty_handler=_ms(cold[0]),
                   ours=_ms(cold[1]), ratio=round(cold[1] / cold[0], 2))  # fmt: skip
        report.add(table, f"peak memory after {WARM} more, MB", "≤ 128",
                   empty_handler=round(empty.peak, 1), ours=round(ours.peak, 1))  # fmt: skip


def _events() -> str:
    from tests.support.lambda_calls import http_event
    from tests.support.shop import a_buyer, a_key, a_product

    product, buyer = a_product(stock=100_000), a_buyer(points=1_000_000)
    body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}
    made = [
        http_event("POST", "/orders", body=body, token=buyer.token, key=a_key())
        for _ in range(WARM + 1)
    ]
    return json.dumps(made)


def _ms(seconds: float) -> float:
    return round(seconds * 1_000, 1)


def started(source: str, events: str, built: Path) -> Start:
    """Start an interpreter that imports the handler and serves the events."""
    paths = [built / "DependenciesLayer" / "python"]
    if source is OURS:
        paths += [built / "DomainLayer" / "python", built / "PlaceOrderFunction"]
    answer = subprocess.run(
        [sys.executable, "-S", "-c", source + SERVE],  # no packages but those of the layer
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        input=events,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    statuses, moments, peak = json.loads(answer.stdout.strip().splitlines()[-1])
    if set(statuses) != {201}:
        raise RuntimeError(answer.stdout)
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    warm = (moments[-1] - moments[1]) / WARM
    return Start(moments[0], moments[1] - moments[0], warm, peak / unit)
