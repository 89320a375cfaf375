"""Likes, views and stock as shoppers see them on the deployed stack."""

from typing import Any

from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack


def _shown_likes(shop: Shop, product_id: str) -> int:
    return int(shop.anyone.product(product_id).require(200)["like_count"])


def _metrics(stack: Stack, product_id: str) -> list[Any]:
    with stack.database() as database:
        found: list[Any] = database.run(
            "SELECT sum(views)::int, sum(likes)::int, sum(orders)::int, sum(units)::int,"
            " sum(amount)::int FROM product_metrics_daily WHERE product_id = :id",
            id=product_id,
        )
    return list(found[0])


def test_likes_and_unlikes_are_counted(shop: Shop) -> None:
    brand = shop.new_brand()
    product_id, other = shop.new_product(brand=brand), shop.new_product(brand=brand)
    first, second = shop.new_buyer(), shop.new_buyer()
    for buyer in (first, second, first):
        answer = buyer.api.like(product_id).require(200)
        assert answer == {"product_id": product_id, "liked": True}

    eventually(lambda: _shown_likes(shop, product_id) == 2)
    listed = shop.anyone.products(brand_id=brand["brand_id"], sort="likes_desc").require(200)
    assert [each["product_id"] for each in listed["items"]] == [product_id, other]
    assert listed["items"][0]["like_count"] == 2

    assert first.api.unlike(product_id).require(200)["liked"] is False
    eventually(lambda: _shown_likes(shop, product_id) == 1)
    assert first.api.likes().require(200)["items"] == []
    [mine] = second.api.likes().require(200)["items"]
    assert (mine["product_id"], mine["brand"]["brand_id"]) == (product_id, brand["brand_id"])


def test_a_like_of_an_unknown_product_is_not_found(shop: Shop, buyer: Buyer) -> None:
    nobodys = "01a20000-0000-7000-8000-000000000000"
    buyer.api.like(nobodys).require_problem(404, "PRODUCT_NOT_FOUND")
    buyer.api.unlike(nobodys).require_problem(404, "PRODUCT_NOT_FOUND")
    shop.anyone.like(shop.new_product()).require_problem(401)


def test_a_repeated_like_with_its_key_replays_the_answer(shop: Shop, buyer: Buyer) -> None:
    product_id, key = shop.new_product(), "a wish of mine".replace(" ", "-")
    buyer.api.like(product_id, key=key).require(200)
    buyer.api.unlike(product_id).require(200)
    again = buyer.api.like(product_id, key=key)
    assert again.require(200)["liked"] is True
    assert again.headers["Idempotency-Replayed"] == "true"
    assert buyer.api.likes().require(200)["items"] == []
    buyer.api.like(shop.new_product(), key=key).require_problem(422, "IDEMPOTENCY_KEY_REUSED")


def test_selling_the_last_unit_shows_at_once(shop: Shop) -> None:
    product_id = shop.new_product(stock=1, price=100)
    buyer = shop.new_buyer(points=100)
    assert shop.stock_of(product_id) == 1
    buyer.place_order((product_id, 1))
    assert shop.stock_of(product_id) == 0


def test_a_product_with_a_matching_etag_is_not_sent_again(shop: Shop) -> None:
    product_id = shop.new_product(stock=1)
    first = shop.anyone.product(product_id)
    tag = first.headers["ETag"]
    path = f"/products/{product_id}"
    again = shop.anyone.send("GET", path, headers={"If-None-Match": tag})
    assert (again.status, again.text) == (304, "")
    shop.admin.set_stock(product_id, 2).require(200)
    assert shop.anyone.send("GET", path, headers={"If-None-Match": tag}).status == 200


def test_views_likes_and_orders_are_added_to_the_days_metrics(stack: Stack, shop: Shop) -> None:
    product_id = shop.new_product(stock=5, price=100)
    buyer = shop.new_buyer(points=1_000)
    for viewer in ("Ann", "Ben", "Cid", "Ann"):  # Ann's second look is no view
        shop.anyone.product(product_id, viewer).require(200)
    buyer.api.like(product_id).require(200)
    buyer.place_order((product_id, 2))

    eventually(lambda: _metrics(stack, product_id) == [3, 1, 1, 2, 200])
