"""The idempotency store as callers see it: in progress, replayed, lost, unavailable."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from tests.support.lambda_calls import Answer, call
from tests.support.orders import place
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.shop import Person, a_buyer, a_key, a_product, rows
from tests.support.threads import run_concurrently

LIKE = "/products/{product_id}/like"
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


def like(buyer: Person, product_id: str, key: str) -> Answer:
    path = f"/products/{product_id}/like"
    return call("like/like_product", "PUT", path, resource=LIKE, token=buyer.token, key=key)


@pytest.fixture(autouse=True)
def own_store(shop_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An idempotency table of the test's own."""
    from commerce.entrypoints import idempotency  # imported when the environment is set

    name = f"idempotency-{a_key()}"
    boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("IDEMPOTENCY_TABLE_NAME", name)
    idempotency._store.cache_clear()
    yield name
    idempotency._store.cache_clear()


def lose_the_records(table: str) -> int:
    dynamodb = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    found = dynamodb.scan(TableName=table)["Items"]
    for record in found:
        dynamodb.delete_item(TableName=table, Key={"id": record["id"]})
    return len(found)


def test_a_repeat_while_the_first_is_running_is_refused(own_shop: str) -> None:
    product, buyer, key = a_product(), a_buyer(), a_key()
    hold = "SELECT 1 FROM product WHERE id = $1 FOR UPDATE"
    name = own_shop.rsplit("/", 1)[1]
    with ThreadPoolExecutor(max_workers=1) as threads, an_observer(own_shop) as look:
        with held_by_another(own_shop, hold, product):
            first = threads.submit(run_concurrently, [lambda: like(buyer, product, key)])
            wait_until(lambda: look(BLOCKED, name) or first.done())
            second = like(buyer, product, key)
            other = like(buyer, a_product(), key)
        [answer] = first.result()
    assert (second.status, second.json["code"]) == (409, "REQUEST_IN_PROGRESS")
    assert second.headers["retry-after"] == "1"
    assert other.json["code"] in ("REQUEST_IN_PROGRESS", "IDEMPOTENCY_KEY_REUSED")
    assert answer.status == 200
    third = like(buyer, product, key)
    assert (third.json, third.headers["idempotency-replayed"]) == (answer.json, "true")
    assert like(buyer, a_product(), key).json["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_a_lost_idempotency_record_causes_no_second_effect(own_store: str) -> None:
    product, buyer, key = a_product(), a_buyer(), a_key()
    first = like(buyer, product, key)
    assert lose_the_records(own_store) == 1
    again = like(buyer, product, key)
    assert (again.status, again.json) == (200, first.json)
    assert again.headers["idempotency-replayed"] == "true"
    assert lose_the_records(own_store) == 1
    other = like(buyer, a_product(), key)
    assert (other.status, other.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    liked = rows("SELECT product_id FROM product_like WHERE user_id = $1", buyer.user_id)
    assert [str(row.product_id) for row in liked] == [product]


def test_retryable_refusals_leave_no_idempotency_record(own_store: str) -> None:
    product, buyer = a_product(), a_buyer()
    path = f"/products/{product}/like"
    assert call("like/like_product", "PUT", path, key=a_key()).status == 401
    extra = call("like/like_product", "PUT", f"{path}?x=1", token=buyer.token, key=a_key())
    assert extra.status == 422
    assert lose_the_records(own_store) == 0
    assert like(buyer, str(buyer.user_id), a_key()).status == 404
    assert lose_the_records(own_store) == 1


def test_an_idempotency_record_contains_neither_key_nor_user(own_store: str) -> None:
    product, buyer, key = a_product(), a_buyer(), a_key()
    like(buyer, product, key)
    dynamodb = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    [record] = dynamodb.scan(TableName=own_store)["Items"]
    assert key not in str(record["id"])
    assert str(buyer.user_id) not in str(record["id"])
    kept_until = int(record["expiration"]["N"])
    made_at = rows("SELECT extract(epoch FROM now())::bigint AS at")[0].at
    assert kept_until - made_at > 24 * 60 * 60 - 600


def test_orders_and_charges_keep_no_idempotency_record(own_store: str) -> None:
    product, buyer = a_product(stock=5, price=100), a_buyer(points=1000)
    assert place(buyer, (product, 1)).status == 201
    charge = call(
        "point/charge_points", "POST", "/users/me/points/charges",
        body={"amount": 1}, token=buyer.token, key=a_key(),
    )  # fmt: skip
    assert charge.status == 201
    assert lose_the_records(own_store) == 0
