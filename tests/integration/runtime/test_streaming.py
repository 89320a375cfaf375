"""Results that are read in parts, on real PostgreSQL."""

import pytest

from commerce.runtime.db.connection import BEGIN, ROLLBACK
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.streaming import in_parts

pytestmark = pytest.mark.usefixtures("shop_environment")

NUMBERS = "SELECT n FROM generate_series(1, CAST($1 AS integer)) AS n ORDER BY n"


@pytest.mark.parametrize(("rows", "sizes"), [(0, []), (2, [2]), (3, [3]), (7, [3, 3, 1])])
def test_a_result_comes_in_parts_of_the_given_size(rows: int, sizes: list[int]) -> None:
    database().run([BEGIN])
    try:
        for _ in range(2):  # in one transaction, one result after the other
            parts = list(in_parts(database(), Query(NUMBERS, [rows]), 3))
            assert [len(part) for part in parts] == sizes
            assert [row.n for part in parts for row in part] == list(range(1, rows + 1))
    finally:
        database().run([ROLLBACK], in_transaction=True)
