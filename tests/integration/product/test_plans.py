"""A catalogue of some size: it is made as it says, and its lists walk their indexes."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from commerce.product import Sort
from commerce.product.repository import _place
from commerce.product.sort_orders import page_name
from commerce.product.statements import PAGES, POSITIONS
from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row
from infra.local.errors import LocalError
from infra.local.seed import seed
from tests.support import backends

SIZE = 20_000
SORT_ORDERS = (PAGES, POSITIONS)
INDEX = {
    (Sort.LATEST, False): "product_listed_latest",
    (Sort.PRICE_ASC, False): "product_listed_by_price",
    (Sort.LIKES_DESC, False): "product_listed_by_likes",
    (Sort.LATEST, True): "product_of_brand_listed_latest",
    (Sort.PRICE_ASC, True): "product_of_brand_listed_by_price",
    (Sort.LIKES_DESC, True): "product_of_brand_listed_by_likes",
}


@pytest.fixture(scope="module")
def seeded(database_url: str) -> Iterator[Database]:
    """A database of this module's own, with 20,000 products of 20 brands in it."""
    import os

    with backends.own_database(os.environ["SUPERUSER_URL"]) as url:
        progress: list[int] = []
        assert seed(url, SIZE, lambda done, _: progress.append(done)) == 20
        assert progress[-1] == SIZE
        database = Database(lambda: url)
        yield database
        database.close()


def rows(database: Database, sql: str, *values: object) -> list[Row]:
    return database.run([Query(sql, values)])[0]


def number(database: Database, sql: str) -> int:
    return int(rows(database, sql)[0][0])


def test_one_percent_of_the_seeded_products_have_88_percent_of_the_likes(seeded: Database) -> None:
    likes = number(seeded, "SELECT count(*) FROM product_like")
    top = number(
        seeded,
        "SELECT sum(like_count) FROM (SELECT like_count FROM product"
        f" ORDER BY like_count DESC LIMIT {SIZE // 100}) AS top",
    )
    assert (number(seeded, "SELECT count(*) FROM product"), round(likes / SIZE, 1)) == (SIZE, 2.0)
    assert round(top / likes, 2) == 0.88


def test_the_seeded_books_hold(seeded: Database) -> None:
    counted = "SELECT product_id, count(*) AS n FROM product_like GROUP BY product_id"
    assert (
        rows(
            seeded,
            f"SELECT id FROM product LEFT JOIN ({counted}) AS l ON l.product_id = id"
            " WHERE like_count <> coalesce(n, 0)",
        )
        == []
    )
    assert (
        rows(
            seeded,
            "SELECT s.product_id FROM stock AS s LEFT JOIN stock_movement AS m USING (product_id)"
            " GROUP BY s.product_id, s.quantity HAVING s.quantity <> coalesce(sum(m.change), 0)",
        )
        == []
    )


def test_seeding_an_unreachable_database_says_so() -> None:
    with pytest.raises(LocalError, match="No database answers"):
        seed("postgresql://nobody:secret@127.0.0.1:9/nothing", 1)


def position(seeded: Database, sort: Sort, brand_id: Any, depth: float) -> list[Any]:
    """The sort key of a product so far down the list."""
    keys = {
        Sort.LATEST: "id",
        Sort.PRICE_ASC: "price_amount, id",
        Sort.LIKES_DESC: "like_count, id",
    }
    direction = "ASC" if sort is Sort.PRICE_ASC else "DESC"
    order = ", ".join(f"{key} {direction}" for key in keys[sort].split(", "))
    mine = "$1::uuid IS NULL OR brand_id = $1"
    [[count]] = rows(seeded, f"SELECT count(*) FROM product WHERE {mine}", brand_id)
    return list(
        rows(
            seeded,
            f"SELECT {keys[sort]} FROM product WHERE {mine} ORDER BY {order} OFFSET $2 LIMIT 1",
            brand_id,
            int(count * depth),
        )[0]
    )


@pytest.mark.parametrize("depth", [0.0, 0.5, 0.9, 0.999])
@pytest.mark.parametrize(("sort", "by_brand"), INDEX)
def test_a_list_reads_its_own_index_from_the_cursor_on(
    seeded: Database, sort: Sort, depth: float, *, by_brand: bool
) -> None:
    brands = [row.id for row in rows(seeded, "SELECT id FROM brand ORDER BY id")]
    # Those at the edge of the statistics are estimated quite differently from those amid them.
    for only, statements in product(brands[::9] + brands[-1:] if by_brand else [None], SORT_ORDERS):
        after = position(seeded, sort, only, depth) if depth else []
        query = statements[page_name(sort, by_brand=by_brand)](
            **_place(sort, only, after), limit=21
        )
        found = rows(seeded, f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", *query.values)
        plan = "\n".join(line[0] for line in found)
        assert INDEX[sort, by_brand] in plan, plan
        assert "Sort" not in plan, plan
        assert "Filter" not in plan, plan


@pytest.mark.parametrize(("sort", "by_brand"), INDEX)
def test_a_list_with_a_generic_plan_reads_its_own_index_too(
    seeded: Database, sort: Sort, *, by_brand: bool
) -> None:
    """A connection that has prepared the statement may plan it once for all."""
    for statements in SORT_ORDERS:
        sql = statements[page_name(sort, by_brand=by_brand)].compiled.sql
        connection = seeded._connected(in_transaction=False)
        # As a simple query: an extended one would want values.
        found = connection.execute_simple(f"EXPLAIN (GENERIC_PLAN) {sql}")
        plan = "\n".join(line[0] for line in found.rows)
        assert INDEX[sort, by_brand] in plan, plan
        assert "Sort" not in plan, plan
        assert "Filter" not in plan, plan


@pytest.fixture(scope="module")
def mostly_hidden(seeded: Database) -> Database:
    """The same, where nine of ten products wait for their opening: for the last tests."""
    rows(seeded, "SET statement_timeout = 0")  # however busy the machine is
    rows(seeded, "UPDATE product SET visible_from = now() + interval '1 day'"
                 " WHERE get_byte(uuid_send(id), 15) % 10 <> 0")  # fmt: skip
    return seeded


@pytest.mark.parametrize(("sort", "by_brand"), INDEX)
def test_a_list_passes_over_hidden_products_within_its_index(
    mostly_hidden: Database, sort: Sort, *, by_brand: bool
) -> None:
    [brand] = rows(mostly_hidden, "SELECT id FROM brand ORDER BY id LIMIT 1")
    for statements in SORT_ORDERS:
        query = statements[page_name(sort, by_brand=by_brand)](
            **_place(sort, brand.id if by_brand else None), limit=21
        )
        found = rows(mostly_hidden, f"EXPLAIN (ANALYZE, BUFFERS) {query.sql}", *query.values)
        plan = "\n".join(line[0] for line in found)
        assert INDEX[sort, by_brand] in plan, plan
        assert "Sort" not in plan, plan
        assert "Filter" not in plan, plan
