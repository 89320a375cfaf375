"""The CPU of a warm request in its function, by layer: of an order, a list, a detail and a like.

Each layer's own work is timed with the thread's CPU clock, without what it calls of other layers,
so that other processes do not disturb it. The whole is timed apart, without the clocks. What the
database and the store of Powertools' records do is not ours and not in it.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial, wraps
from importlib import import_module
from multiprocessing import get_context
from random import Random
from statistics import median
from time import thread_time_ns
from typing import Any

from tests.harness.bench import orders
from tests.harness.bench.report import Report
from tests.harness.servers import servers

Request = Callable[[], object]

REQUESTS = 1_000
ROUNDS = 5  # of the whole; their median counts
_VALIDATION = "aws_lambda_powertools.event_handler.middlewares.openapi_validation"
ENTRY = "entry: route, audit, headers"
LAYERS: dict[str, tuple[str, ...]] = {
    "token and request": (
        "commerce.entrypoints.http.api:identify",
        "commerce.entrypoints.http.api:_claim",
        "commerce.entrypoints.http.request:IncomingRequest.of",
        "commerce.entrypoints.http.request:IncomingRequest.body",
    ),
    "validation": (
        f"{_VALIDATION}:_request_params_to_args",
        f"{_VALIDATION}:_request_body_to_args",
    ),
    "Powertools' keys": (
        "aws_lambda_powertools.utilities.idempotency.base:IdempotencyHandler.handle",
    ),
    "use case": ("commerce.app.transactions:_call",),
    "transaction": ("commerce.app.transactions:_with_retries",),
    "cache": (
        "commerce.runtime.cache.read_through:Cache.get",
        "commerce.runtime.cache.read_through:Cache.get_all",
    ),
    "cache's client": ("commerce.runtime.cache.valkey:Valkey.run",),
    "events": ("commerce.runtime.db.outbox:store",),
    "driver": ("commerce.runtime.db.connection:Database.run",),
    "log": ("logging:Logger._log",),
    "answer": (f"{_VALIDATION}:OpenAPIResponseValidationMiddleware._handle_response",),
}


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Measure each path in a process of its own."""
    with servers():
        products = orders.prepare(orders.PRODUCTS)
        for what, goal in (("order", "≤ 2.0"), ("list", ""), ("detail", ""), ("like", "")):
            report.say(f"{ROUNDS} × {REQUESTS:,} requests: {what}")
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
                whole, layers = processes.submit(measured, what, products).result()
            table = f"CPU of a warm request, µs: {what}"
            for layer, spent in sorted(layers.items(), key=lambda each: -each[1]):
                report.add(table, layer, µs=round(spent))
            report.add(table, "all, without these clocks", goal and f"{goal} ms", µs=round(whole))


def measured(what: str, products: tuple[str, ...]) -> tuple[float, dict[str, float]]:
    """Return the CPU of a request, and of each layer, in µs."""
    orders.prepared(0)
    request = _requests(products)[what]
    for _ in range(orders.WARM_UP):
        request()
    whole = median(_spent(request) for _ in range(ROUNDS)) / REQUESTS / 1_000
    clocks = _Clocks()
    with clocks.attached():
        timed = clocks.timed(ENTRY, request)
        for _ in range(REQUESTS):
            timed()
    return whole, {name: spent / REQUESTS / 1_000 for name, spent in clocks.spent.items()}


def _spent(request: Request) -> int:
    started = thread_time_ns()
    for _ in range(REQUESTS):
        request()
    return thread_time_ns() - started


def _requests(products: tuple[str, ...]) -> dict[str, Request]:
    from tests.support.lambda_calls import function, http_event, lambda_context

    chance, context = Random(1), lambda_context()  # noqa: S311
    place, buyer = orders.placing(products), orders.signed_in(1)[0]

    def call(name: str, method: str, path: str, **more: Any) -> None:
        answer = function(name)(http_event(method, path, **more), context)
        if answer["statusCode"] >= 400:
            raise RuntimeError(answer["body"])

    def like() -> None:
        key = "".join(chance.choices("0123456789abcdef", k=32))
        path = f"/products/{chance.choice(products)}/like"
        call("like/like_product", "PUT", path, token=buyer, key=key)

    return {
        "order": partial(place, chance),
        "list": partial(call, "product/list_products", "GET", "/products"),
        "detail": lambda: call(
            "product/get_product", "GET", f"/products/{chance.choice(products)}"
        ),
        "like": like,
    }


class _Clocks:
    """The CPU of each layer, without that of the layers it called."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._running: list[str] = []
        self._since = 0

    def timed(self, layer: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the same function, whose time is the layer's."""

        @wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._switch()
            self._running.append(layer)
            try:
                return call(*arguments, **named)
            finally:
                self._switch()
                self._running.pop()

        return timed

    def _switch(self) -> None:
        now = thread_time_ns()
        if self._running:
            self.spent[self._running[-1]] += now - self._since
        self._since = now

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Time every function of LAYERS."""
        kept = []
        for layer, places in LAYERS.items():
            for place in places:
                owner, name = _find(place)
                before = vars(owner)[name]
                inner = before.__func__ if isinstance(before, classmethod) else before
                timed = self.timed(layer, inner)
                kept.append((owner, name, before))
                setattr(owner, name, classmethod(timed) if inner is not before else timed)
        try:
            yield
        finally:
            for owner, name, before in kept:
                setattr(owner, name, before)


def _find(place: str) -> tuple[Any, str]:
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *classes, name = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    return owner, name
