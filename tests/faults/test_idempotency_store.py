"""The idempotency store keeps a record, and its answer comes too late."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from tests.support.lambda_calls import call
from tests.support.shop import a_buyer, a_key, a_product, rows

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
    product, user = a_product(), a_buyer()

    path = f"/products/{product}/like"
    answer = call("like/like_product", "PUT", path, token=user.token, key=a_key())

    assert len(late_answers) == 1
    assert answer.status == 200, answer.json
    liked = rows("SELECT product_id FROM product_like WHERE user_id = $1", user.user_id)
    assert [str(row.product_id) for row in liked] == [product]
