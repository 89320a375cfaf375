"""Many scheduled reconciliations at once, while the shop sells, find what is there and once."""

from collections.abc import Callable
from functools import partial

import pytest

from commerce.app.reconciliation import reconciler
from commerce.app.reconciliation.runs import runner
from tests.support.books import alter_stock, books, check_books
from tests.support.orders import place
from tests.support.shop import a_buyer, a_product, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

RUNNERS, BUYERS = 6, 10


def test_runs_beside_orders_find_nothing_and_end_one_full_run() -> None:
    products = [a_product(stock=20, price=10) for _ in range(4)]
    buyers = [a_buyer(points=1_000) for _ in range(BUYERS)]
    orders: list[Callable[[], object]] = [
        partial(place, buyer, (products[n % 4], 1)) for n, buyer in enumerate(buyers)
    ]

    run_concurrently([*orders, *[check_books] * RUNNERS])

    found = rows("SELECT kind, findings, is_complete FROM reconciliation_run")
    assert [each.kind for each in found].count("INCREMENTAL") == RUNNERS
    assert [each.kind for each in found].count("FULL") == 1
    assert all(each.findings == [] and each.is_complete for each in found)


def test_a_full_run_in_parts_by_many_counts_each_product_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    products = sorted(a_product(stock=10) for _ in range(9))
    alter_stock(products[4], 3)
    monkeypatch.setattr(reconciler, "CHUNK", 2)
    monkeypatch.setattr(runner, "FULL_SECONDS", 0.0)

    def has_ended() -> bool:
        return bool(
            rows("SELECT 1 FROM reconciliation_run WHERE ended_at > begun_at AND kind = 'FULL'")
        )

    while not has_ended():
        run_concurrently([check_books] * 3)

    [run] = rows(
        "SELECT checked, findings, is_complete FROM reconciliation_run WHERE kind = 'FULL'"
    )
    assert (run.checked["products"], run.is_complete) == (9, True)
    assert len(run.findings) == 2
    assert books()["findings_count"] == 2
