"""A plain HTTP client of two shops: steady orders and races, in processes of its own.

Each buyer is a thread with a connection, which places whole orders. Both shops are called by the
same code; only what an order is made of differs.
"""

import http.client
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from multiprocessing import get_context
from random import Random
from time import perf_counter
from typing import Any, Protocol
from urllib.parse import urlsplit

PROCESSES = 2
WARM_UP = 5  # orders of each client before it is measured
TIMEOUT_SECONDS = 600
PLACED = "placed"
FAILED = "failed: "


class Shop(Protocol):
    """A shop as a client sees it."""

    @property
    def urls(self) -> Sequence[str]:
        """Its server processes; a buyer stays with one."""

    def order(self, connection: http.client.HTTPConnection, buyer: str, product: str) -> str:
        """Order one unit; return PLACED, or the code with which the shop refused.

        Raises any other exception where the shop failed.
        """


@dataclass(frozen=True, slots=True)
class Buying:
    """One client: its buyers order these products, each buyer in turn."""

    url: str
    buyers: Sequence[str]
    products: Sequence[str]


@dataclass(slots=True)
class Bought:
    """The outcomes of orders, the seconds that each placed one took, and the rate."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    per_second: float = 0.0

    def __add__(self, other: "Bought") -> "Bought":
        return Bought(
            self.outcomes + other.outcomes,
            self.seconds + other.seconds,
            self.per_second + other.per_second,
        )

    @property
    def failed(self) -> int:
        """The orders to which the shop gave no answer of its own: an error, or none at all."""
        return sum(n for outcome, n in self.outcomes.items() if outcome.startswith(FAILED))

    @property
    def refused(self) -> int:
        """The orders that the shop refused with a code."""
        return self.outcomes.total() - self.outcomes[PLACED] - self.failed


def steady(
    shop: Shop, clients: Sequence[Sequence[str]], products: Sequence[str], seconds: float
) -> Bought:
    """Let each client order for so long, one order after another; clients are lists of buyers."""
    jobs = [
        Buying(shop.urls[n % len(shop.urls)], buyers, products) for n, buyers in enumerate(clients)
    ]
    return _at_once(partial(_order_for, shop, seconds), jobs)


def race(shop: Shop, buyers: Sequence[str], product: str) -> Bought:
    """Let all buyers order one unit of a product at the same moment, each once."""
    jobs = [
        Buying(shop.urls[n % len(shop.urls)], [buyer], [product]) for n, buyer in enumerate(buyers)
    ]
    return _at_once(partial(_order_once, shop), jobs)


def in_turn(shop: Shop, buyers: Sequence[str], product: str) -> Bought:
    """Let buyers order one unit of a product one after another, each once."""
    with closing(connection_to(shop.urls[0])) as connection:
        return sum((_order(shop, connection, buyer, product) for buyer in buyers), Bought())


def _at_once(work: Callable[[Buying, Any], Bought], jobs: Sequence[Buying]) -> Bought:
    """Do every job in a thread of its own, in a few processes, and begin together."""
    spawn = get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(PROCESSES, mp_context=spawn) as processes:
        start = manager.Barrier(PROCESSES)
        shares = [jobs[number::PROCESSES] for number in range(PROCESSES)]
        done = [processes.submit(_share, work, share, start) for share in shares]
        return sum((each.result() for each in done), Bought())


def _share(work: Callable[[Buying, Any], Bought], jobs: Sequence[Buying], start: Any) -> Bought:
    """In a process of its own: one barrier for its threads, which waits for other processes."""
    begins = threading.Barrier(max(1, len(jobs)), action=start.wait)
    if not jobs:
        begins.wait()
        return Bought()
    with ThreadPoolExecutor(len(jobs)) as threads:
        return sum(threads.map(lambda job: work(job, begins.wait), jobs), Bought())


def _order_for(shop: Shop, seconds: float, job: Buying, wait: Callable[[], object]) -> Bought:
    buyers, chance = cycle(job.buyers), Random(job.buyers[0])  # noqa: S311
    with closing(connection_to(job.url)) as connection:
        for _ in range(WARM_UP):
            _order(shop, connection, next(buyers), chance.choice(job.products))
        connection.close()  # while others warm up, the server may end a connection that is idle
        wait()
        bought, started = Bought(), perf_counter()
        while perf_counter() < started + seconds:
            bought += _order(shop, connection, next(buyers), chance.choice(job.products))
        bought.per_second = bought.outcomes[PLACED] / (perf_counter() - started)
        return bought


def _order_once(shop: Shop, job: Buying, wait: Callable[[], object]) -> Bought:
    with closing(connection_to(job.url)) as connection:
        wait()
        return _order(shop, connection, job.buyers[0], job.products[0])


def _order(shop: Shop, connection: http.client.HTTPConnection, buyer: str, product: str) -> Bought:
    started = perf_counter()
    try:
        outcome = shop.order(connection, buyer, product)
    except Exception as error:  # noqa: BLE001  (it is counted, and named in the report)
        connection.close()  # the next order connects again
        outcome = f"{FAILED}{type(error).__name__} {error}"[:200]
    took = [perf_counter() - started] if outcome == PLACED else []
    return Bought(Counter([outcome]), took)


def connection_to(url: str) -> http.client.HTTPConnection:
    """Return a connection to a server, which is made with its first request."""
    parts = urlsplit(url)
    return http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS
    )
