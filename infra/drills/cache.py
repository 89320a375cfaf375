"""Lose the cache while the shop is used: answers stay right, and rankings are rebuilt."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.drills.frame import Refused, Report, environment
from infra.drills.load import Act, Placed, check_books, requests_going_on
from infra.drills.partners import Partners, partners
from infra.local.ports import Ports
from infra.local.process import Server
from infra.local.valkey import start_valkey

PRODUCTS = 5
STOCK = 1_000_000
WITHIN_SECONDS = 300  # so many requests are answered, or the drill gives up
EXACTLY = 0.001  # of a score: less than a view
SUMMARY_SECONDS = 70.0  # spec §9: a summary is cached for 60 s, jittered, where no event drops it
LOOK_SECONDS = 0.2
COUNTED = frozenset({"ProductViewed", "ProductLiked", "ProductUnliked", "OrderConfirmed"})
LIKED = frozenset({"ProductLiked", "ProductUnliked"})


@dataclass(slots=True)
class Cache:
    """A Valkey of the drill's own, which can be killed, and started with nothing in it."""

    directory: Path
    server: Server

    def kill(self) -> None:
        """End it as a crash does."""
        self.server.kill()

    def start_empty(self) -> None:
        """Start it on the same port, with none of its data."""
        shutil.rmtree(self.directory / "valkey")
        self.server = start_valkey(self.directory, urlsplit(self.server.url).port or 0)


@dataclass(slots=True)
class Use:
    """A brand's products in use, and the events that wait until the boards take them."""

    outside: Partners
    brand: str
    products: list[str]
    waiting: list[Mapping[str, Any]] = field(default_factory=list)
    views: int = 0

    def acts(self) -> list[Act]:
        """Return the requests that go on: views, likes, lists, rankings and orders."""
        from tests.support.lambda_calls import call
        from tests.support.orders import place

        def like(buyer: Any, product: str, method: str) -> Any:
            name = "like/like_product" if method == "PUT" else "like/unlike_product"
            return call(name, method, f"/products/{product}/like", token=buyer.token)

        lists = f"/products?brand_id={self.brand}"
        first, second = self.products[:2]
        return [
            lambda _: call("product/get_product", "GET", f"/products/{first}"),
            lambda buyer: like(buyer, first, "PUT"),
            lambda _: call("product/list_products", "GET", lists),
            lambda buyer: place(buyer, (first, 1)),
            lambda _: call("ranking/get_rankings", "GET", "/rankings"),
            lambda buyer: like(buyer, second, "PUT"),
            lambda _: call("product/list_products", "GET", f"{lists}&sort=likes_desc"),
            lambda buyer: place(buyer, (second, 1)),
            lambda buyer: like(buyer, first, "DELETE"),
        ]

    def deliver(self) -> None:
        """Publish, and let likes, metrics and boards count; what the boards refuse waits.

        Views wait in the cache until they are published, and are lost with it.
        """
        from tests.support.lambda_calls import function, lambda_context, sqs_event

        function("product/on_products_viewed")(sqs_event({}), lambda_context(60))
        published = self.outside.relay()
        counted = [each for each in published if each["type"] in COUNTED]
        self.views += sum(each["type"] == "ProductViewed" for each in counted)
        liked = [each for each in published if each["type"] in LIKED]
        self._all_of("product/on_like_changed", liked)
        self._all_of("metrics/on_product_activity", counted)
        due = [*self.waiting, *counted]
        self.waiting = self.outside.consume("ranking/on_ranked_activity", due)

    def _all_of(self, name: str, envelopes: Sequence[Mapping[str, Any]]) -> None:
        if left := self.outside.consume(name, envelopes):
            raise Refused(f"{name} did not handle {len(left)} events")


def prove(report: Report, count: int) -> None:
    """Use the shop with its cache, without it, and with an empty one."""
    from tests.support.shop import a_brand, a_product

    with own_cache() as cache, partners() as outside:
        brand = a_brand()
        products = [
            a_product(STOCK, 10, f"Anvil {number}", brand_id=brand) for number in range(PRODUCTS)
        ]
        use = Use(outside, brand, products)
        _in_use(report, use, count, "with the cache")
        with requests_going_on(use.acts()) as placed:
            _until(placed, count // 2)
            cache.kill()
            _until(placed, count)
        _check(report, use, placed, "while the cache is killed and down")
        with requests_going_on(use.acts()) as placed:
            cache.start_empty()
            _until(placed, count)
        _reconnect()
        _check(report, use, placed, "with an empty cache")
        _rebuild(report, use)
        _in_use(report, use, count, "with the cache again")
        _check_rankings(report, "Rankings go on from the rebuilt ones")
        check_books(report, "after all")


def _in_use(report: Report, use: Use, count: int, state: str) -> None:
    with requests_going_on(use.acts()) as placed:
        _until(placed, count)
    _check(report, use, placed, state)


def _until(placed: Placed, count: int) -> None:
    from tests.support.other_connection import wait_until

    aim = placed.answers.total() + count
    wait_until(lambda: placed.answers.total() >= aim, WITHIN_SECONDS)


def _check(report: Report, use: Use, placed: Placed, state: str) -> None:
    """Add a step: no request failed, and what is read now is what the database has."""
    use.deliver()
    until = time.monotonic() + SUMMARY_SECONDS
    while (wrong := wrong_answers(use)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    views = f"{use.views} views counted so far"
    waiting = f"; {len(use.waiting)} events wait for the boards" if use.waiting else ""
    report.check(
        f"Requests {state}",
        f"{placed}; {', '.join(wrong) or 'stock, likes and lists read right'}; {views}{waiting}",
        holds=bool(placed.orders) and not placed.failures and not wrong,
        only_aws="the time that ElastiCache takes for a failover, and what the database bears"
        " without a cache",
    )


def wrong_answers(use: Use) -> list[str]:
    """Compare what the API shows of each product with the database's rows."""
    from tests.support.lambda_calls import call
    from tests.support.shop import likes_of, stock_of

    wrong = []
    for product in use.products:
        shown = call("product/get_product", "GET", f"/products/{product}").json
        if shown["stock_quantity"] != stock_of(product):
            wrong.append(f"stock {shown['stock_quantity']} of {product}, not {stock_of(product)}")
        if shown["like_count"] != likes_of(product):
            wrong.append(f"{shown['like_count']} likes of {product}, not {likes_of(product)}")
    listed = call("product/list_products", "GET", f"/products?brand_id={use.brand}").json
    if {each["product_id"] for each in listed["items"]} != set(use.products):
        wrong.append("the brand's list is not whole")
    return wrong


def _rebuild(report: Report, use: Use) -> None:
    """Rebuild the boards as `ranking rebuild` does, and compare them with the metrics."""
    from commerce.app import ranking_jobs

    began = time.monotonic()
    days = ranking_jobs.rebuild_rankings(None, lambda _what, _done: None)
    use.deliver()  # what waited was counted in the rebuilt boards already
    products = sum(each.products for each in days)
    report.check(
        "ranking rebuild",
        f"{products} products of {len(days)} days in {time.monotonic() - began:.1f} s; "
        f"{len(use.waiting)} events wait",
        holds=not use.waiting,
        only_aws="how long it takes for a million products",
    )
    _check_rankings(report, "Rankings are what the metrics say")


def _check_rankings(report: Report, step: str) -> None:
    """Compare today's board with the metrics to the last like: nothing is under way now."""
    from commerce.app.ranking_boards import boards
    from commerce.app.reconciliation.runs import boards as comparison
    from commerce.ranking import Period, Window
    from commerce.runtime import business_time
    from commerce.shared import clock

    day = Window.containing(Period.DAILY, clock.now(), business_time.zone())
    due = comparison._due(day, comparison._FIRST)
    found = boards().scores(day, list(due)) or [None] * len(due)
    wrong = [
        f"{product} has {score}, not {due[product]}"
        for product, score in zip(due, found, strict=True)
        if score is None or abs(score - due[product]) > EXACTLY
    ]
    report.check(
        step,
        f"{len(due)} ranked products compared: {'; '.join(wrong) or 'all equal'}",
        holds=not wrong and bool(due),
    )


def _reconnect() -> None:
    """Wait until this process uses the cache again: it leaves it alone after a failure."""
    from commerce.runtime.cache.valkey import valkey
    from tests.support.other_connection import wait_until

    wait_until(lambda: valkey().run(lambda client: client.ping()) is not None)


@contextmanager
def own_cache() -> Iterator[Cache]:
    """Start a Valkey and lead the functions to it while the block lasts."""
    from tests.support.valkey import forget_valkey

    directory = Path(tempfile.mkdtemp(prefix="lastunit-cache-"))
    cache = Cache(directory, start_valkey(directory, Ports.free().valkey))
    try:
        with environment(VALKEY_URL=cache.server.url):
            forget_valkey()
            yield cache
    finally:
        forget_valkey()
        cache.server.stop()
        shutil.rmtree(directory, ignore_errors=True)
