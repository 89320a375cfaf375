"""Lists that are asked for wrongly, and paths and methods that do not exist."""

from urllib.parse import quote

import pytest

from tests.e2e.caller import Caller
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import Stack

LISTS = ["/products", "/brands", "/orders"]
WRONG_LIMITS = ["0", "-1", "101", "abc", "1.5", "", "9" * 40]


@pytest.mark.parametrize("limit", WRONG_LIMITS)
@pytest.mark.parametrize("path", LISTS)
def test_a_limit_is_from_1_to_100(buyer: Buyer, path: str, limit: str) -> None:
    buyer.api.send("GET", f"{path}?limit={limit}").require_problem(422)


@pytest.mark.parametrize("limit", [1, 100])
@pytest.mark.parametrize("path", LISTS)
def test_limits_of_1_and_100_are_accepted(buyer: Buyer, path: str, limit: int) -> None:
    items = buyer.api.send("GET", f"{path}?limit={limit}").require(200)["items"]

    assert len(items) <= limit


@pytest.mark.parametrize("cursor", ["garbage", "e30", "bnVsbA==", "é", "%00", "A" * 5_000])
@pytest.mark.parametrize("path", LISTS)
def test_a_forged_cursor_is_refused(buyer: Buyer, path: str, cursor: str) -> None:
    sent = cursor if cursor.startswith("%") else quote(cursor)

    buyer.api.send("GET", f"{path}?cursor={sent}").require_problem(422)


def test_a_cursor_of_another_sort_order_is_refused(shop: Shop) -> None:
    brand = shop.new_brand()
    for price in 100, 200, 300:
        shop.new_product(price=price, brand=brand)
    of_brand = {"brand_id": brand["brand_id"], "limit": 1}
    cursor = shop.anyone.products(sort="price_asc", **of_brand).require(200)["next_cursor"]
    assert cursor

    for sort in "latest", "likes_desc":
        shop.anyone.products(sort=sort, cursor=cursor, **of_brand).require_problem(422)
    shop.anyone.products(sort="price_asc", cursor=cursor, **of_brand).require(200)


@pytest.mark.parametrize(
    "sort", ["newest", "LATEST", "price_desc", "", "latest;drop table product"]
)
def test_an_unknown_sort_order_is_refused(shop: Shop, sort: str) -> None:
    shop.anyone.products(sort=sort).require_problem(422)


@pytest.fixture
def _gateway_responses(stack: Stack) -> None:
    if stack.is_on_free_localstack:
        pytest.skip("LocalStack's free edition has a 403 of its own for unknown paths")


@pytest.mark.usefixtures("_gateway_responses")
@pytest.mark.parametrize("path", ["/nothing", "/orders/1/nothing", "/users", "/admin"])
def test_an_unknown_path_is_answered_with_a_problem(shop: Shop, path: str) -> None:
    shop.anyone.send("GET", path).require_problem(404)


@pytest.mark.usefixtures("_gateway_responses")
@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/orders"), ("PATCH", "/users"), ("POST", "/products"), ("PUT", "/sessions")],
)
def test_an_unsupported_method_is_answered_with_a_problem(
    shop: Shop, buyer: Buyer, method: str, path: str
) -> None:
    for caller in shop.anyone, buyer.api:
        _assert_not_taken(caller, method, path)


def _assert_not_taken(caller: Caller, method: str, path: str) -> None:
    answer = caller.send(method, path, {})
    assert answer.status in (404, 405)  # API Gateway does not tell the two apart
    answer.require_problem(answer.status)
