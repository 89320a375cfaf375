"""The cold start of place_order, next to a handler that does nothing with the same packages.

Each is a new interpreter that imports its handler and serves one event; what counts is CPU time,
of the interpreter alone, so that a busy machine changes little. Both see the packages of the
dependency layer and no others, as in Lambda; compiled files are there for both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.harness.bench.report import Report
from tests.harness.servers import servers

TIMES = 15
ROOT = Path(__file__).parents[3]
REQUIREMENTS = ROOT / "layers" / "dependencies" / "requirements.txt"

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
context = SimpleNamespace(function_name="bench", memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:bench",
    aws_request_id="bench", get_remaining_time_in_millis=lambda: 10_000)
answer = handler(json.loads(sys.argv[1]), context)
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([answer["statusCode"], used.ru_utime + used.ru_stime]))
"""


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Start both in turns, each in an interpreter of its own; the medians count."""
    with servers(), the_layer() as layer:
        from tests.support.lambda_calls import http_event
        from tests.support.shop import a_buyer, a_key, a_product

        report.say(f"starting two handlers, {TIMES} times each")
        product, buyer = a_product(stock=100), a_buyer(points=1_000_000)
        body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}
        seconds: dict[str, list[float]] = {EMPTY: [], OURS: []}
        for number in range(-1, TIMES):
            for source, found in seconds.items():
                event = http_event("POST", "/orders", body=body, token=buyer.token, key=a_key())
                took = started(source, json.dumps(event), layer)
                if number >= 0:  # before, the files may not have been compiled
                    found.append(took)
        empty, ours = (statistics.median(found) for found in seconds.values())
        report.add("cold start, CPU seconds", "place_order, to its first answer", "ratio ≤ 1.5",
                   empty_handler=round(empty, 2), ours=round(ours, 2),
                   ratio=round(ours / empty, 2))  # fmt: skip


@contextmanager
def the_layer() -> Iterator[Path]:
    """The dependency layer, as its pinned requirements build it."""
    uv = Path(sys.executable).with_name("uv")
    install = [str(uv), "pip", "install", "--quiet", "--python", sys.executable]
    install += ["--require-hashes", "--compile-bytecode"]
    with TemporaryDirectory(prefix="lastunit-layer-") as target:
        subprocess.run(
            [*install, "--target", target, "--requirements", str(REQUIREMENTS)],
            check=True,
        )
        yield Path(target)


def started(source: str, event: str, layer: Path) -> float:
    """CPU seconds of an interpreter that imports the handler and serves the event."""
    paths = [layer, ROOT / "layers" / "domain" / "python", ROOT / "functions"]
    answer = subprocess.run(
        [sys.executable, "-S", "-c", source + SERVE, event],  # no packages but those of the layer
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise RuntimeError(answer.stderr)
    status, seconds = json.loads(answer.stdout.strip().splitlines()[-1])
    if status != 201:
        raise RuntimeError(answer.stdout)
    return float(seconds)
