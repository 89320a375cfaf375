"""Orders that go on while a drill breaks something, and the books afterwards."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from threading import Event
from typing import Any

from infra.drills.frame import Refused, Report, answered

POINTS = 10_000_000


@dataclass(slots=True)
class Placed:
    """Requests that went on: the ids of the orders that were placed, and every answer."""

    orders: list[str] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0

    @property
    def failures(self) -> int:
        """The requests that were answered 5xx, or not at all."""
        return sum(n for kind, n in self.answers.items() if kind.partition(" ")[0] >= "500")

    def __str__(self) -> str:
        """Return the numbers in words."""
        return (
            f"{self.answers.total()} requests meanwhile, of which {len(self.orders)} placed an"
            f" order, the slowest in {self.slowest_seconds:.1f} s, {self.failures} answered 5xx"
        )


Act = Callable[[Any], Any]
"""A request of a buyer; returns its answer."""


@contextmanager
def requests_going_on(acts: Sequence[Act], threads: int = 2) -> Iterator[Placed]:
    """Repeat the acts in turn, in each thread as a buyer of its own, while the block lasts."""
    from tests.support.shop import a_buyer

    placed, over = Placed(), Event()
    buyers = [a_buyer(POINTS) for _ in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(_repeat, acts, buyer, placed, over) for buyer in buyers]
        try:
            yield placed
        finally:
            over.set()
        for each in running:
            each.result()


@contextmanager
def orders_going_on(product: str) -> Iterator[Placed]:
    """Place orders of a product, one after the other in each thread, while the block lasts."""
    from tests.support.orders import place

    with requests_going_on([lambda buyer: place(buyer, (product, 1))]) as placed:
        yield placed


def _repeat(acts: Sequence[Act], buyer: Any, placed: Placed, over: Event) -> None:
    from commerce.runtime.db.current import database

    try:
        for act in cycle(acts):
            if over.is_set():
                return
            began = time.monotonic()
            answer = act(buyer)
            placed.slowest_seconds = max(placed.slowest_seconds, time.monotonic() - began)
            body = answer.json or {}
            placed.answers[f"{answer.status} {body.get('code', '')}".strip()] += 1
            if answer.status == 201 and "order_id" in body:
                placed.orders.append(body["order_id"])
    finally:
        database().close()  # each thread has a connection of its own


@dataclass(frozen=True, slots=True)
class Filled:
    """A shop with data: a product that goes on selling, and who buys."""

    product: str
    buyers: list[Any]
    orders: list[str]


def fill_shop(count: int) -> Filled:
    """Place orders by points, with a coupon and in a drop, and cancel some of them."""
    from tests.support.coupons import an_issued
    from tests.support.drops import an_offering_drop, in_line, order_offer
    from tests.support.orders import cancel, place
    from tests.support.shop import a_buyer, a_product

    buyers = [a_buyer(POINTS) for _ in range(3)]
    product = a_product(stock=1_000_000, price=10, name="Anvil")
    orders = []
    for number in range(count):
        buyer = buyers[number % len(buyers)]
        orders.append(str(answered(place(buyer, (product, 1)), 201)["order_id"]))
        if number % 5 == 0:
            answered(cancel(buyer, orders[-1]), 200)
    coupon = an_issued(buyers[0], value=5)
    with_coupon = place(buyers[0], (product, 1), issued_coupon_id=coupon)
    orders.append(str(answered(with_coupon, 201)["order_id"]))
    dropped = a_product(stock=5, price=10, name="Last unit")
    drop = an_offering_drop(dropped, buyers, units=2)
    buyer, entry = in_line(drop, buyers)[0]
    orders.append(str(answered(order_offer(buyer, entry, dropped), 201)["order_id"]))
    return Filled(product, buyers, orders)


def check_books(report: Report, when: str) -> bool:
    """Add a step: every unit, point, coupon and drop of the shop is accounted for."""
    from commerce.app.reconciliation import reconcile

    found = reconcile()
    looked = f"{found.products} products, {found.accounts} accounts, {found.orders} orders"
    findings = "; ".join(str(each) for each in found.findings[:5]) or "nothing is missing"
    if not found.orders:
        raise Refused("the books have no orders: the wrong database was read")
    return report.check(f"The books hold {when}", f"{looked}: {findings}", holds=found.holds)
