"""Likes from the handlers to PostgreSQL and back."""

from typing import Any

import pytest

from commerce.app import transactions
from tests.support.lambda_calls import Answer, call
from tests.support.shop import Person, a_buyer, a_key, a_product, events_about, likes_of, rows
from tests.support.statements import counted

pytestmark = pytest.mark.usefixtures("shop_environment")

NOBODYS = "01a20000-0000-7000-8000-000000000000"


def like(user: Person, product: str, **request: Any) -> Answer:
    path = f"/products/{product}/like"
    return call("like/like_product", "PUT", path, token=user.token, **request)


def unlike(user: Person, product: str, **request: Any) -> Answer:
    path = f"/products/{product}/like"
    return call("like/unlike_product", "DELETE", path, token=user.token, **request)


def my_likes(user: Person, query: str = "") -> Answer:
    return call("like/list_my_likes", "GET", f"/users/me/likes{query}", token=user.token)


def event_types(product: str) -> list[str]:
    return [each["type"] for each in events_about(product, "ProductLiked", "ProductUnliked")]


def test_repeated_likes_have_the_effect_of_one() -> None:
    user, product = a_buyer(), a_product()
    for _ in range(3):
        answer = like(user, product)
        assert (answer.status, answer.json) == (200, {"product_id": product, "liked": True})
        assert "idempotency-replayed" not in answer.headers
    assert (likes_of(product), event_types(product)) == (1, ["ProductLiked"])
    for _ in range(3):
        answer = unlike(user, product)
        assert (answer.status, answer.json) == (200, {"product_id": product, "liked": False})
    assert (likes_of(product), event_types(product)) == (0, ["ProductLiked", "ProductUnliked"])


def test_like_unlike_and_like_again_all_take_effect() -> None:
    user, product = a_buyer(), a_product()
    like(user, product)
    unlike(user, product)
    like(user, product)
    assert likes_of(product) == 1
    events = events_about(product, "ProductLiked", "ProductUnliked")
    assert [each["type"] for each in events] == ["ProductLiked", "ProductUnliked", "ProductLiked"]
    first, back, again = events
    assert first["aggregate_id"] == back["aggregate_id"] != again["aggregate_id"]
    assert [each["aggregate_version"] for each in events] == [1, 2, 1]
    assert first["data"] == {"user_id": str(user.user_id), "product_id": product}


def test_a_like_with_a_key_replays_its_first_answer() -> None:
    user, product, key = a_buyer(), a_product(), a_key()
    assert like(user, product, key=key).status == 200
    assert unlike(user, product).status == 200

    again = like(user, product, key=key)  # a retry of the first wish, not a third one

    assert (again.status, again.json["liked"]) == (200, True)
    assert again.headers["idempotency-replayed"] == "true"
    assert likes_of(product) == 0


def test_a_like_with_a_key_takes_effect_once_without_the_store(
    idempotency_store_is_down: None,
) -> None:
    user, product, key = a_buyer(), a_product(), a_key()
    like(user, product, key=key)
    unlike(user, product)
    assert like(user, product, key=key).headers["idempotency-replayed"] == "true"
    assert likes_of(product) == 0


def test_a_like_without_a_key_uses_no_claim_and_no_store(
    idempotency_store_is_down: None,
) -> None:
    user, product = a_buyer(), a_product()
    with counted() as sent:
        assert like(user, product).status == 200
    assert len(sent.trips) == 1
    claims = rows("SELECT key FROM once WHERE scope LIKE $1", f"{user.user_id}%")
    assert claims == []


def test_one_key_for_two_products_is_refused() -> None:
    user, first, second, key = a_buyer(), a_product(), a_product(), a_key()
    resource = "/products/{product_id}/like"
    assert like(user, first, key=key, resource=resource).status == 200
    answer = like(user, second, key=key, resource=resource)
    assert (answer.status, answer.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert likes_of(second) == 0


def test_only_a_recorded_event_nudges_the_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    nudges: list[int] = []
    monkeypatch.setattr(transactions, "_nudge_the_relay", lambda: nudges.append(1))
    user, product = a_buyer(), a_product()
    nudges.clear()
    for wish in (like, like, unlike, unlike):
        wish(user, product)
    assert len(nudges) == 2


def test_a_bad_key_is_refused() -> None:
    user, product = a_buyer(), a_product()
    answer = like(user, product, key="short")
    assert (answer.status, answer.json["code"]) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert likes_of(product) == 0


@pytest.mark.parametrize(
    "unknown", ["01a20000-0000-7000-8000-000000000000", "no-such-product", "%00"]
)
def test_an_unknown_product_is_not_found(unknown: str) -> None:
    user = a_buyer()
    for answer in (like(user, unknown), unlike(user, unknown)):
        assert (answer.status, answer.json["code"]) == (404, "PRODUCT_NOT_FOUND")
    assert rows("SELECT id FROM product_like WHERE user_id = $1", user.user_id) == []


def test_liking_needs_a_token() -> None:
    answer = call("like/like_product", "PUT", f"/products/{a_product()}/like")
    assert (answer.status, answer.json["code"]) == (401, "NOT_SIGNED_IN")


def test_my_likes_are_listed_newest_first_page_by_page() -> None:
    user, other = a_buyer(), a_buyer()
    products = [a_product(name=f"Anvil {number}") for number in range(5)]
    for product in products:
        like(user, product)
    like(other, products[0])
    unlike(user, products[1])
    like(user, products[0])  # no newer: it is the same like

    first = my_likes(user, "?limit=3")
    second = my_likes(user, f"?limit=3&cursor={first.json['next_cursor']}")

    listed = [each["product_id"] for each in first.json["items"] + second.json["items"]]
    assert listed == [products[4], products[3], products[2], products[0]]
    assert second.json["next_cursor"] is None
    item = first.json["items"][0]
    assert (item["name"], item["price"]) == ("Anvil 4", {"amount": 1000, "currency": "KRW"})
    assert item["liked_at"].endswith("Z")
    assert set(item) == {
        "product_id", "name", "description", "price", "brand", "like_count", "version", "liked_at",
        "availability",
    }  # fmt: skip


def test_a_cursor_of_another_users_likes_is_refused() -> None:
    user, other = a_buyer(), a_buyer()
    for product in (a_product(), a_product()):
        like(user, product)
    cursor = my_likes(user, "?limit=1").json["next_cursor"]
    answer = my_likes(other, f"?cursor={cursor}")
    assert (answer.status, answer.json["code"]) == (422, "INVALID_CURSOR")


def test_a_user_without_likes_has_an_empty_list() -> None:
    assert my_likes(a_buyer()).json == {"items": [], "next_cursor": None}
