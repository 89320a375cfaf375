"""Rankings of the deployed stack follow views, likes and orders."""

from functools import partial
from math import log
from typing import Any

import pytest

from tests.e2e.caller import Json
from tests.e2e.commands import ops
from tests.e2e.eventually import eventually
from tests.e2e.shop import Shop
from tests.e2e.stack import Stack

CONTRACT = {"view": 0.1, "like": 0.2, "order": 0.7}


def place_of(shop: Shop, product_id: str, **query: Any) -> Json | None:
    """The product's item in a ranking, if it has one."""
    for page in range(1, 20):
        items: list[Json] = shop.anyone.rankings(**query, limit=100, page=page).require(200)[
            "items"
        ]
        for item in items:
            if item["product"]["product_id"] == product_id:
                return item
        if not items:
            break
    return None


def score_of(shop: Shop, product_id: str, **query: Any) -> float:
    item = place_of(shop, product_id, **query)
    return float(item["score"]) if item else 0.0


def has_score(shop: Shop, product_id: str, score: float, **query: Any) -> bool:
    return score_of(shop, product_id, **query) >= score - 1e-6


def an_active_product(shop: Shop) -> tuple[str, str]:
    """A product of which two units are bought, that is liked and looked at; and the order."""
    product_id = shop.new_product(stock=5, price=1000)
    buyer = shop.new_buyer(points=10_000)
    for number in range(5):
        shop.anyone.product(product_id, f"viewer {number}").require(200)
    buyer.api.like(product_id).require(200)
    return product_id, buyer.place_order((product_id, 2))


def test_a_product_rises_in_the_rankings_and_falls_when_its_order_is_cancelled(shop: Shop) -> None:
    product_id, order_id = an_active_product(shop)
    score = 0.1 * 5 + 0.2 + 0.7 * log(2001)
    for query in ({}, {"period": "daily"}, {"period": "hourly"}):
        eventually(partial(has_score, shop, product_id, score, **query))
    item = place_of(shop, product_id)
    assert item is not None
    assert set(item) == {"rank", "score", "product"}
    assert item["product"]["price"] == {"amount": 1000, "currency": "KRW"}
    assert shop.anyone.product(product_id).require(200)["rank"] is not None

    shop.admin.take_step(order_id, "cancellation").require(200)
    eventually(lambda: score_of(shop, product_id) < 5)


def test_weights_change_the_running_boards(stack: Stack, shop: Shop) -> None:
    assert shop.admin.ranking_weights().require(200) == CONTRACT
    product_id, _ = an_active_product(shop)
    before = 0.1 * 5 + 0.2 + 0.7 * log(2001)
    eventually(lambda: score_of(shop, product_id) >= before - 1e-6)
    try:
        changed = {**CONTRACT, "view": 0.5}
        assert shop.admin.set_ranking_weights(**changed).require(200) == changed
        eventually(lambda: score_of(shop, product_id) >= before + 0.4 * 5 - 1e-6)
    finally:
        shop.admin.set_ranking_weights(**CONTRACT).require(200)


def test_only_an_admin_sets_weights_between_0_and_1(shop: Shop) -> None:
    shop.anyone.ranking_weights().require_problem(401)
    shop.new_buyer().api.set_ranking_weights(**CONTRACT).require_problem(403)
    shop.admin.set_ranking_weights(**{**CONTRACT, "view": 1.1}).require_problem(422)


@pytest.mark.parametrize("query", [{"period": "yearly"}, {"at": "yesterday"}, {"limit": 0}])
def test_an_invalid_query_is_refused(shop: Shop, query: dict[str, Any]) -> None:
    shop.anyone.rankings(**query).require_problem(422)


def test_a_window_without_a_ranking_is_an_empty_list(shop: Shop) -> None:
    for query in ({"period": "daily", "at": "19990101"}, {"period": "weekly", "at": "1999W01"}):
        assert shop.anyone.rankings(**query).require(200) == {**query, "items": []}


def test_a_rebuild_changes_nothing(stack: Stack, shop: Shop) -> None:
    product_id, _ = an_active_product(shop)
    score = 0.1 * 5 + 0.2 + 0.7 * log(2001)
    eventually(lambda: score_of(shop, product_id) >= score - 1e-6)
    before = score_of(shop, product_id)
    code, answer = ops(stack, "ranking", "rebuild")
    assert code == 0, answer
    assert [each["products"] > 0 for each in answer["days"]][-1]
    assert score_of(shop, product_id) == pytest.approx(before)
