"""The idempotency store keeps a record, and its answer comes too late."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.support.lambda_calls import call
from tests.support.shop import a_buyer, a_key, a_product, assert_books_hold, stock_of

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def late_answers() -> Iterator[list[str]]:
    """The first write of a record reaches the store; whoever waits for its answer gives up."""
    from commerce.entrypoints import idempotency

    idempotency._store.cache_clear()
    events = idempotency._store().client.meta.events
    lost: list[str] = []

    def lose_the_answer(request: Any, **_: Any) -> None:
        if not lost:
            lost.append(request.url)
            URLLib3Session().send(request)
            raise ReadTimeoutError(endpoint_url=request.url)

    events.register("before-send.dynamodb.PutItem", lose_the_answer)
    yield lost
    events.unregister("before-send.dynamodb.PutItem", lose_the_answer)
    idempotency._store.cache_clear()


def test_a_late_answer_is_not_used_for_another_request(late_answers: list[str]) -> None:
    product = a_product(stock=5, price=100)
    buyer = a_buyer(points=100)
    body = {"lines": [{"product_id": product, "quantity": 1}], "payment_method": "POINT"}

    answer = call("order/place_order", "POST", "/orders", body=body, token=buyer.token, key=a_key())

    assert len(late_answers) == 1
    assert answer.status == 201, answer.json
    assert stock_of(product) == 4
    assert_books_hold(product, users=[buyer.user_id])
