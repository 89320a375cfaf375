"""The drill that loses the cache: it holds, and finds wrong answers and rankings that stay lost."""

import pytest

from commerce.app import ranking_jobs
from infra.drills import cache
from infra.drills.__main__ import DRILLS
from infra.drills.frame import Report
from tests.support import shop

pytestmark = pytest.mark.usefixtures("own_shop")


def drill() -> Report:
    return DRILLS["cache"].run(20, lambda _: None)


def test_answers_stay_right_without_the_cache_and_rankings_are_rebuilt() -> None:
    report = drill()
    assert report.failed == [], [each.proof for each in report.steps if not each.holds]
    assert [each.name for each in report.steps] == [
        "Requests with the cache", "Requests while the cache is killed and down",
        "Requests with an empty cache", "ranking rebuild", "Rankings are what the metrics say",
        "Requests with the cache again", "Rankings go on from the rebuilt ones",
        "The books hold after all",
    ]  # fmt: skip


def test_rankings_that_stay_lost_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_jobs, "rebuild_rankings", lambda *_: [])
    assert drill().failed == [
        "Rankings are what the metrics say", "Rankings go on from the rebuilt ones"
    ]  # fmt: skip


def test_a_stock_that_is_read_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SUMMARY_SECONDS", 0)
    read = shop.stock_of
    monkeypatch.setattr(shop, "stock_of", lambda product: read(product) - 1)
    assert "Requests while the cache is killed and down" in drill().failed
