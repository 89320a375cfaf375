"""A transaction that recorded events wakes the relay, and never fails because it could not."""

import json
import secrets

import pytest

from commerce.app import transactions
from commerce.runtime.aws import client
from tests.support.nudges import really_nudge
from tests.support.orders import place
from tests.support.shop import a_buyer, a_product


@pytest.fixture
def queue_url(shop_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue of the test's own, to which transactions send their nudges."""
    name = f"nudges-{secrets.token_hex(6)}"
    url = str(client("sqs").create_queue(QueueName=name)["QueueUrl"])
    monkeypatch.setenv("RELAY_QUEUE_URL", url)
    return url


def test_an_order_sends_one_nudge_with_its_trace(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, product = a_buyer(5_000), a_product(stock=1, price=1_000)
    monkeypatch.setattr(transactions, "_nudge_the_relay", really_nudge)

    answer = place(buyer, (product, 1))

    found = client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
    [nudge] = [json.loads(each["Body"]) for each in found]
    assert (answer.status, nudge) == (201, {"trace_id": answer.headers["x-request-id"]})


def test_an_order_is_placed_where_the_nudge_fails(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyer, product = a_buyer(5_000), a_product(stock=1, price=1_000)
    monkeypatch.setattr(transactions, "_nudge_the_relay", really_nudge)
    monkeypatch.setenv("RELAY_QUEUE_URL", f"{queue_url}-that-is-gone")

    assert place(buyer, (product, 1)).status == 201
