"""Likes raced on real connections; in the end, a product's count is the number of its likes."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from tests.support.lambda_calls import (
    Answer,
    bus_message,
    call,
    function,
    lambda_context,
    sqs_event,
)
from tests.support.shop import (
    Person,
    a_buyer,
    a_product,
    events_about,
    like_count_of,
    likes_of,
    rows,
)
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")


def like(user: Person, product: str, **request: Any) -> Answer:
    path = f"/products/{product}/like"
    return call("like/like_product", "PUT", path, token=user.token, **request)


def unlike(user: Person, product: str, **request: Any) -> Answer:
    path = f"/products/{product}/like"
    return call("like/unlike_product", "DELETE", path, token=user.token, **request)


def like_events(product: str) -> list[dict[str, Any]]:
    return events_about(product, "ProductLiked", "ProductUnliked")


def deliver(envelopes: Sequence[dict[str, Any]]) -> list[str]:
    """Hand one batch to the consumer; returns the messages that failed."""
    event = sqs_event(*map(bus_message, envelopes))
    answer = function("product/on_like_changed")(event, lambda_context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def batches_of(envelopes: list[dict[str, Any]], size: int = 10) -> list[list[dict[str, Any]]]:
    return [envelopes[start : start + size] for start in range(0, len(envelopes), size)]


def test_a_hundred_users_like_one_product() -> None:
    product = a_product()
    users = [a_buyer() for _ in range(100)]

    answers = run_concurrently([partial(like, user, product) for user in users])

    assert {answer.status for answer in answers} == {200}
    assert all(answer.json == {"product_id": product, "liked": True} for answer in answers)
    assert likes_of(product) == 100
    events = like_events(product)
    assert len(events) == 100
    assert run_concurrently([partial(deliver, batch) for batch in batches_of(events)]) == [[]] * 10
    assert like_count_of(product) == 100


def test_ten_simultaneous_likes_of_one_user_count_once() -> None:
    product, user = a_product(), a_buyer()

    answers = run_concurrently([partial(like, user, product) for _ in range(10)])

    assert {answer.status for answer in answers} == {200}
    assert likes_of(product) == 1
    assert [each["type"] for each in like_events(product)] == ["ProductLiked"]


def test_ten_simultaneous_unlikes_of_one_user_count_once() -> None:
    product, user = a_product(), a_buyer()
    like(user, product)

    answers = run_concurrently([partial(unlike, user, product) for _ in range(10)])

    assert {answer.status for answer in answers} == {200}
    assert likes_of(product) == 0
    assert [each["type"] for each in like_events(product)] == ["ProductLiked", "ProductUnliked"]


def test_concurrent_likes_and_unlikes_end_with_the_right_count() -> None:
    products = [a_product() for _ in range(3)]
    users = [a_buyer() for _ in range(8)]
    chance = random.Random(3)  # noqa: S311

    def press(user: Person, wishes: list[tuple[bool, str]]) -> None:
        for likes_it, product in wishes:
            assert (like if likes_it else unlike)(user, product).status == 200

    def any_wishes() -> list[tuple[bool, str]]:
        return [(chance.random() < 0.6, chance.choice(products)) for _ in range(15)]

    run_concurrently([partial(press, user, any_wishes()) for user in users for _ in range(2)])

    events = [envelope for product in products for envelope in like_events(product)]
    assert len(events) > 50
    arriving = events + chance.sample(events, len(events) // 2)  # every second one twice
    chance.shuffle(arriving)
    run_concurrently([partial(deliver, batch) for batch in batches_of(arriving, size=20)])

    counts = {product: like_count_of(product) for product in products}
    assert counts == {product: likes_of(product) for product in products}
    assert any(counts.values())
    ahead = rows("SELECT unlikes_ahead FROM product WHERE id = ANY($1)", products)
    assert [row.unlikes_ahead for row in ahead] == [0] * 3


def test_an_unlike_before_its_like_never_shows_a_negative_count() -> None:
    product, user = a_product(), a_buyer()
    like(user, product)
    unlike(user, product)
    liked, unliked = like_events(product)

    assert deliver([unliked]) == []
    assert like_count_of(product) == 0
    assert deliver([unliked]) == []  # delivered again
    assert deliver([liked]) == []
    assert like_count_of(product) == 0

    other = a_buyer()
    like(other, product)
    assert deliver(like_events(product)) == []
    assert like_count_of(product) == 1


def test_the_same_events_counted_by_two_consumers_at_once_count_once() -> None:
    products = [a_product() for _ in range(5)]
    for product in products:
        like(a_buyer(), product)
    events = [envelope for product in products for envelope in like_events(product)]

    failed = run_concurrently([partial(deliver, events), partial(deliver, events[::-1])] * 4)

    assert failed == [[]] * 8
    assert [like_count_of(product) for product in products] == [1] * 5
