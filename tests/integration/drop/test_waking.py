"""Promote is woken by a unit that becomes free, which so waits for no schedule."""

import secrets
from uuid import UUID

import boto3
import pytest

from tests.support.drops import an_offering_drop, settle, statuses
from tests.support.lambda_calls import call, function, lambda_context, sqs_event
from tests.support.shop import Person, a_buyer, a_key, a_product, an_admin

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> str:
    """A queue of the test's own, whose messages wake promote; its URL."""
    name = f"drop-promotion-{secrets.token_hex(4)}"
    url: str = boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    monkeypatch.setenv("DROP_QUEUE_URL", url)
    return url


def deliver(queue: str) -> int:
    """Deliver what waits to promote; return how many messages there were."""
    found = boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    messages = found.get("Messages", [])
    if messages:
        function("drop/on_drop_nudged")(sqs_event({}), lambda_context(60))
    return len(messages)


def add_unit(admin: Person, drop_id: UUID, key: str) -> int:
    path, body = f"/admin/drops/{drop_id}/units", {"add": 1}
    return call("drop/add_drop_units", "POST", path, token=admin.token, body=body, key=key).status


def test_a_unit_that_is_added_is_offered_at_once(queue: str) -> None:
    drop_id = an_offering_drop(a_product(stock=2, price=10), [a_buyer(), a_buyer()])
    assert (statuses(drop_id), deliver(queue)) == (["OFFERED", "WAITING"], 0)

    assert add_unit(an_admin(), drop_id, a_key()) == 200

    assert deliver(queue) == 1
    assert statuses(drop_id) == ["OFFERED", "OFFERED"]


def test_units_are_added_where_promote_cannot_be_woken(
    queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_id = an_offering_drop(a_product(stock=2, price=10), [a_buyer(), a_buyer()])
    monkeypatch.setenv("DROP_QUEUE_URL", f"{queue}-that-is-gone")

    assert add_unit(an_admin(), drop_id, a_key()) == 200

    settle(drop_id)
    assert statuses(drop_id) == ["OFFERED", "OFFERED"]
