"""The catalogue at 1,000 and at 1,000,000 products, through the real handlers, in one process.

Both catalogues are databases of one server and are asked in turns, so that whatever else the
machine does hits both. A brand has 1,000 products in both; what grows is everything around it.
"""

import argparse
import math
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from infra.local.seed import PRODUCTS_PER_BRAND, seed, show_progress
from tests.harness.bench.report import Report, Timing, timed
from tests.harness.servers import servers

SMALL = 1_000
REQUESTS = 2_000
WARM_UP = 200
SAMPLE = 20  # brands, and ten times as many products, that are asked about
DEEP = 0.9  # how far down a deep page is

Ask = Callable[[], object]


@dataclass(slots=True)
class Catalogue:
    """A seeded database, and samples of what is in it."""

    number: int
    size: int
    url: str
    brands: list[str] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    deep: dict[str, str] = field(default_factory=dict)
    """Cursors of deep pages, by brand; that of the whole list under ""."""
    database: Any = None
    valkey: Any = None


def run(report: Report, arguments: argparse.Namespace) -> None:
    """Seed two catalogues and measure lists and details in both, with and without the cache."""
    with servers() as superuser:
        from tests.support.backends import own_database  # imported when the environment is set

        with own_database(superuser) as small, own_database(superuser) as large:
            catalogues = [Catalogue(1, SMALL, small), Catalogue(2, arguments.size, large)]
            for each in catalogues:
                seeded(report, each)
            measure(report, catalogues)
            if arguments.size >= 1_000_000:
                report.keep("plans/lists.md", explained(catalogues[-1]))


def seeded(report: Report, catalogue: Catalogue) -> None:
    """Fill the catalogue and choose what will be asked about."""
    from commerce.product import Sort, listing_of
    from commerce.shared import cursor
    from tests.support.shop import rows

    report.say(f"seeding {catalogue.size:,} products")
    seconds = timed(lambda: seed(catalogue.url, catalogue.size, show_progress))
    report.add("seeding", f"{catalogue.size:,} products", goal="< 300", seconds=round(seconds, 1))
    use(catalogue)
    chance = random.Random(1)  # noqa: S311
    brands = [row.id for row in rows("SELECT id FROM brand ORDER BY id")]
    chosen = chance.sample(brands, min(SAMPLE, len(brands)))
    catalogue.brands = [str(brand) for brand in chosen]
    every = max(1, catalogue.size // (SAMPLE * 10))
    found = rows("SELECT id FROM (SELECT id, row_number() OVER () AS n FROM product) AS p"
                 " WHERE n % $1 = 0 LIMIT 200", every)  # fmt: skip
    catalogue.products = [str(row.id) for row in found]
    for brand in [None, *chosen]:
        size = PRODUCTS_PER_BRAND if brand else catalogue.size
        [last] = rows(
            "SELECT like_count, id FROM product WHERE $1::uuid IS NULL OR brand_id = $1"
            " ORDER BY like_count DESC, id DESC OFFSET $2 LIMIT 1",
            brand,
            int(size * DEEP),
        )
        position = [last.like_count, str(last.id)]
        name = listing_of(Sort.LIKES_DESC, brand)
        catalogue.deep[str(brand or "")] = cursor.encode(name, position)


def use(catalogue: Catalogue) -> None:
    """From here on, the handlers ask this catalogue, over connections that stay warm."""
    from commerce.runtime.cache import valkey
    from commerce.runtime.cache.valkey import connect
    from commerce.runtime.db import current
    from commerce.runtime.db.connection import Database

    if catalogue.database is None:
        catalogue.database = Database(lambda: catalogue.url)
        catalogue.valkey = connect(os.environ["VALKEY_URL"].replace("/0", f"/{catalogue.number}"))
    current._local.database = catalogue.database
    valkey.valkey()._client = catalogue.valkey


def cache(*, is_on: bool) -> None:
    """Let the handlers use the cache, or never ask it."""
    from commerce.runtime.cache import valkey

    valkey.valkey()._skipped_until = 0.0 if is_on else math.inf


def cases(catalogue: Catalogue) -> dict[str, Ask]:
    """Return the requests to measure, each with different arguments every time."""
    from tests.support.lambda_calls import function, http_event, lambda_context

    chance = random.Random(2)  # noqa: S311
    context = lambda_context()

    def get(name: str, path: str) -> None:
        answer = function(name)(http_event("GET", path), context)
        if answer["statusCode"] != 200:
            raise RuntimeError(answer["body"])

    def page(query: str) -> None:
        get("product/list_products", f"/products?sort=likes_desc&{query}")

    def brand() -> str:
        return chance.choice(catalogue.brands)

    def deep_in_brand() -> None:
        chosen = brand()
        page(f"brand_id={chosen}&cursor={catalogue.deep[chosen]}")

    return {
        "list by likes of a brand, first page": lambda: page(f"brand_id={brand()}"),
        "list by likes of a brand, deep page": deep_in_brand,
        "list by likes, first page": lambda: page(""),
        "list by likes, deep page": lambda: page(f"cursor={catalogue.deep['']}"),
        "product detail": lambda: get(
            "product/get_product", f"/products/{chance.choice(catalogue.products)}"
        ),
    }


def forget(catalogue: Catalogue) -> None:
    """Let the cache keep nothing, but that somebody has nudged for views already."""
    from commerce.runtime.messaging.best_effort import NUDGED

    catalogue.valkey.flushdb()
    catalogue.valkey.set(NUDGED, 1, ex=1)


def measure(report: Report, catalogues: list[Catalogue]) -> None:
    """Ask all catalogues in turns: without the cache, with nothing kept, with everything kept."""
    from commerce.entrypoints.telemetry import logger

    with Path(os.devnull).open("w") as nowhere:
        for handler in logger.handlers:
            handler.stream = nowhere  # type: ignore[attr-defined]
        for state in ("off", "cold", "warm"):
            cache(is_on=state != "off")
            asked = {each.size: cases(each) for each in catalogues}
            report.say(f"asking with the cache {state}")
            for what in asked[SMALL]:
                if state == "off" or "deep" not in what:  # a deep page is not kept
                    asks = [(each, asked[each.size][what]) for each in catalogues]
                    tell(report, f"{what}, cache {state}", *in_turns(asks, is_cold=state == "cold"))


def in_turns(
    asks: list[tuple[Catalogue, Ask]], *, is_cold: bool
) -> tuple[dict[int, list[float]], float]:
    """Ask each catalogue; returns the seconds of each request by size, and statements a request."""
    from tests.support.statements import counted

    seconds: dict[int, list[float]] = {each.size: [] for each, _ in asks}
    sent = dict.fromkeys(seconds, 0)
    for request in range(-WARM_UP, REQUESTS):
        for each, ask in asks:
            use(each)
            if is_cold:
                forget(each)
            with counted() as counting:
                took = timed(ask)
            if request >= 0:
                seconds[each.size].append(took)
                sent[each.size] += counting.count
    return seconds, max(sent.values()) / REQUESTS


def tell(report: Report, what: str, seconds: dict[int, list[float]], statements: float) -> None:
    """One line for both catalogues, with their ratio."""
    small, large = (Timing.of(found) for found in seconds.values())
    goal = "p99 ratio ≤ 1.3" if "off" in what else "p50 ≤ 8" if "cold" in what else "p50 ≤ 3"
    report.add(
        "catalogue, ms per request at " + " and ".join(f"{size:,}" for size in seconds),
        what,
        goal,
        p50_small=small.p50_ms,
        p99_small=small.p99_ms,
        p50_large=large.p50_ms,
        p99_large=large.p99_ms,
        p50_ratio=round(large.p50_ms / small.p50_ms, 2),
        p99_ratio=round(large.p99_ms / small.p99_ms, 2),
        statements=round(statements, 2),
    )


def explained(catalogue: Catalogue) -> str:
    """The plans of all list queries, as a document."""
    from commerce.product import Sort
    from commerce.product.repository import _place
    from commerce.product.sort_orders import page_name
    from commerce.product.statements import PAGES, POSITIONS
    from commerce.runtime.db.pipeline import Query

    use(catalogue)
    brand = UUID(catalogue.brands[0])
    parts = [EXPLAIN_HEAD.format(size=catalogue.size)]
    for sort in Sort:
        for brand_id in (None, brand):
            middle = _middle(sort, brand_id)
            for title, statements, after in (
                ("first page, positions only (kept in the cache)", POSITIONS, []),
                ("first page", PAGES, []),
                ("deep page", PAGES, middle),
            ):
                query = statements[page_name(sort, by_brand=brand_id is not None)](
                    **_place(sort, brand_id, after), limit=21
                )
                plan = catalogue.database.run(
                    [Query(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query.sql}", query.values)]
                )[0]
                text = "\n".join(row[0] for row in plan)
                if "Sort" in text or "Filter" in text:
                    raise RuntimeError(f"This list does not just walk its index:\n{text}")
                place = "of a brand" if brand_id else "of all"
                parts.append(f"## {sort}, {place}: {title}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def _middle(sort: Any, brand_id: UUID | None) -> list[Any]:
    """Return the cursor of the middle of the list."""
    from tests.support.shop import rows

    key = {"latest": "id", "price_asc": "price_amount, id", "likes_desc": "like_count, id"}[sort]
    direction = "ASC" if sort == "price_asc" else "DESC"
    order = ", ".join(f"{each} {direction}" for each in key.split(", "))
    [count] = rows("SELECT count(*) FROM product WHERE $1::uuid IS NULL OR brand_id = $1", brand_id)
    [row] = rows(
        f"SELECT {key} FROM product WHERE $1::uuid IS NULL OR brand_id = $1"
        f" ORDER BY {order} OFFSET $2 LIMIT 1",
        brand_id,
        count[0] // 2,
    )
    return list(row)


EXPLAIN_HEAD = """# The plans of the lists

`EXPLAIN (ANALYZE, BUFFERS)` of each list query at {size:,} products, written by `make bench`.

What they show: every list walks one index in its own order, from the cursor on (`Index Cond`, never
a `Filter` over what was skipped), and stops after 21 rows. There is no `Sort`, and the buffers that
are touched are as few on a deep page as on the first. `Index Only Scan` is what fills the cache.
"""
