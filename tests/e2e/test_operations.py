"""Operators' commands on the deployed stack, as the runbooks give them."""

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from commerce.shared.clock import parse_rfc3339
from infra.local.progress import Stages
from infra.local.up import check_books
from tests.e2e.commands import ops
from tests.e2e.eventually import eventually
from tests.e2e.shop import Buyer, Shop
from tests.e2e.stack import STACK_NAME, Stack

QUEUE = "shipping-order-confirmed"


@pytest.fixture(autouse=True)
def _delivery_is_well_afterwards(stack: Stack) -> Iterator[None]:
    yield
    stack.delivery.behave("ok")


def list_dead_letters(stack: Stack, id_: str) -> list[Any]:
    """The dead letters that an id names."""
    code, answer = ops(stack, "dlq", "show", QUEUE, "--id", id_)
    assert code == 0, answer
    found: list[Any] = answer["letters"]
    return found


def new_dead_letters(stack: Stack, id_: str) -> list[Any]:
    """Wait for the dead letters that an id names.

    While the queue is empty no command is run: each takes a second to start.
    """
    eventually(lambda: stack.waiting_messages("ShippingDeadLetterQueueUrl"))
    return eventually(lambda: list_dead_letters(stack, id_))


def test_a_redriven_notice_is_delivered_once(stack: Stack, shop: Shop, buyer: Buyer) -> None:
    stack.fail_deliveries()
    order_id = buyer.place_order((shop.new_product(stock=1, price=100), 1))
    [letter] = new_dead_letters(stack, order_id)
    assert (letter["order_id"], letter["type"]) == (order_id, "OrderConfirmed")
    assert stack.delivery.notices(order_id) == []

    stack.delivery.behave("ok")
    code, answer = ops(stack, "dlq", "redrive", QUEUE, "--id", order_id)

    assert (code, answer["redriven"]) == (0, [letter["message_id"]])
    eventually(lambda: stack.delivery.notices(order_id))
    stack.wait_until_quiet()
    assert len(stack.delivery.notices(order_id)) == 1
    assert list_dead_letters(stack, order_id) == []


def test_discarding_a_malformed_message_records_the_reason(stack: Stack) -> None:
    name = os.urandom(8).hex()
    body = json.dumps({"detail": {"id": name, "data": "nobody can read this"}})
    stack.send("ShippingQueueUrl", body)
    [letter] = new_dead_letters(stack, name)
    assert letter["body"] == body

    code, answer = ops(
        stack, "dlq", "discard", QUEUE, "--id", name, "--reason", "nobody's", "--yes"
    )

    assert (code, answer["discarded"]) == (0, [letter["message_id"]])
    assert list_dead_letters(stack, name) == []
    with stack.database() as database:
        kept = database.run(
            "SELECT body, reason FROM ops_audit WHERE message_id = :id", id=letter["message_id"]
        )
    assert kept == [[body, "nobody's"]]


def test_every_queue_of_the_stack_is_listed(stack: Stack) -> None:
    code, answer = ops(stack, "dlq", "list")
    assert code == 0
    names = {each["queue"] for each in answer["queues"]}
    assert names == {
        "catalogue-changed", "drop-promotion", "mail-feedback", "mail-purchases",
        "mail-requested",
        "metrics-product-activity",
        "product-like-changed",
        "product-stock-turned",
        "products-viewed",
        "ranked-activity",
        "user-acted",
        "order-payment-failed", "order-payment-succeeded", "payment-order-cancelled",
        "outbox-nudge", "schedule", "shipping-address-changed", "shipping-order-cancelled",
        "shipping-order-confirmed"
    }  # fmt: skip


def test_a_thousand_dead_letters_are_redriven_once_each(stack: Stack) -> None:
    """Of queues that no stack names: they are found by their names."""
    sqs, name = stack.aws("sqs"), f"bulk{os.urandom(4).hex()}"
    url = sqs.create_queue(QueueName=f"{name}-work")["QueueUrl"]
    letters = sqs.create_queue(QueueName=f"{name}-work-dead-letters")["QueueUrl"]
    bodies = {json.dumps({"detail": {"data": {"order_id": f"o-{n}"}}}) for n in range(1000)}
    every = sorted(bodies)
    for start in range(0, len(every), 10):
        batch = enumerate(every[start : start + 10])
        entries = [{"Id": str(n), "MessageBody": body} for n, body in batch]
        sqs.send_message_batch(QueueUrl=letters, Entries=entries)

    code, answer = ops(stack, "dlq", "redrive", "work", name=name)

    assert (code, len(answer["redriven"]), answer["failed"]) == (0, 1000, {})
    assert sqs.receive_message(QueueUrl=letters).get("Messages", []) == []
    sent: list[str] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        sent += [message["Body"] for message in messages]
    assert (len(sent), set(sent)) == (1000, bodies)
    sqs.delete_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=letters)


def test_operators_read_the_outbox_with_the_stacks_login(stack: Stack) -> None:
    stack.wait_until_quiet()
    code, answer = ops(stack, "outbox", database=False)
    assert code == 0, answer
    assert (answer["waiting"], answer["set_aside_count"]) == (0, 0)


def test_the_deployed_stack_reconciles(stack: Stack) -> None:
    stack.wait_until_quiet()
    code, answer = ops(stack, "reconcile")
    assert answer["findings"] == []
    assert (code, answer["holds"]) == (0, True), answer


def test_the_dashboard_exists(stack: Stack) -> None:
    if stack.is_on_free_localstack:
        pytest.skip("LocalStack's free edition makes no dashboard")
    found = stack.aws("cloudwatch").get_dashboard(DashboardName=STACK_NAME)
    widgets = json.loads(found["DashboardBody"])["widgets"]
    assert len(widgets) == 14
    assert f"{STACK_NAME}-" in found["DashboardBody"]


def test_the_daily_clean_up_succeeds(stack: Stack) -> None:
    done = stack.invoke("DailyCleanUpFunction", {"id": "tick"})
    assert set(done) >= {"outbox", "answers", "claims"}


def scheduled(stack: Stack) -> None:
    stack.invoke("EveryFiveMinutesReconcileFunction", {"id": "tick"})


def at_the_end_of_make_up(stack: Stack) -> None:
    if stack.is_on_free_localstack:
        pytest.skip("make up is of the local system alone")
    check_books({"AWS_ENDPOINT_URL": stack.addresses.aws_endpoint_url}, Stages.silent())


@pytest.mark.parametrize("check", [scheduled, at_the_end_of_make_up])
def test_the_books_are_checked(stack: Stack, shop: Shop, check: Callable[[Stack], None]) -> None:
    before = datetime.now(UTC)
    check(stack)
    books = shop.admin.send("GET", "/admin/overview").require(200)["books"]
    assert parse_rfc3339(books["last"]["ended_at"]) >= before
    assert not books["is_late"]
