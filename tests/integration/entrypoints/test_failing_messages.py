"""Messages that fail are shown from their first failure, until they are handled or dead letters."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from commerce.entrypoints.queue import (
    OnFinalAttempt,
    Received,
    batch_handler,
    event_handler,
    message_handler,
    nudge_handler,
)
from commerce.order.events import OrderConfirmed
from commerce.runtime.messaging.failing import causes
from commerce.shared import clock
from tests.support.envelopes import an_order, envelope_of
from tests.support.lambda_calls import bus_message, lambda_context, sqs_event
from tests.support.operations import overview

pytestmark = pytest.mark.usefixtures("own_shop")

QUEUE = "shipping-order-confirmed"


def an_event() -> dict[str, Any]:
    return bus_message(envelope_of(an_order((str(clock.new_id()), 1, 100))))


def batch(*bodies: Any, receive_count: int = 1) -> dict[str, Any]:
    return sqs_event(*bodies, queue=QUEUE, receive_count=receive_count)


def again(first: dict[str, Any], receive_count: int) -> dict[str, Any]:
    """The same messages, received once more."""
    made = batch(*[each["body"] for each in first["Records"]], receive_count=receive_count)
    for record, before in zip(made["Records"], first["Records"], strict=True):
        record["messageId"] = before["messageId"]
    return made


def failing() -> list[dict[str, Any]]:
    answer = overview()
    assert answer.status == 200, answer.json
    found: list[dict[str, Any]] = answer.json["failing"]
    return found


def fail(*_: object) -> None:
    raise ConnectionError("the delivery system does not answer")


def succeed(*_: object) -> None:
    """Handle whatever is given."""


Make = Callable[[Callable[..., None]], Any]
HANDLERS: list[Make] = [
    lambda work: event_handler(OrderConfirmed, work),
    lambda work: batch_handler([OrderConfirmed], work),
    lambda work: message_handler(work),
    lambda work: nudge_handler(work),
]


@pytest.mark.parametrize("make", HANDLERS, ids=["event", "batch", "message", "nudge"])
def test_a_message_is_shown_from_its_first_failure_until_it_is_handled(make: Make) -> None:
    first = batch(an_event())
    make(fail)(first, lambda_context())
    [shown] = failing()
    since = shown.pop("since")
    assert shown == {
        "queue": QUEUE,
        "messages": 1,
        "tries": 1,
        "cause": "ConnectionError: the delivery system does not answer",
        "type": "OrderConfirmed",
        "is_urgent": True,
    }
    make(fail)(again(first, 2), lambda_context())
    [shown] = failing()
    assert (shown["tries"], shown["since"]) == (2, since)
    make(succeed)(again(first, 3), lambda_context())
    assert failing() == []


def test_messages_of_a_mixed_batch_are_noted_each_for_itself() -> None:
    bodies = [an_event(), "nobody can read this", an_event()]

    def fail_the_last(received: Sequence[Received[Any]]) -> None:
        if str(received[-1].event.aggregate_id) in str(bodies[2]):
            raise ValueError("wet")

    batch_handler([OrderConfirmed], fail_the_last)(batch(*bodies), lambda_context())
    [shown] = failing()
    assert (shown["messages"], shown["tries"]) == (2, 1)


def test_a_message_whose_tries_ran_out_is_a_dead_letter_and_fails_no_more() -> None:
    first = batch(an_event())
    last: OnFinalAttempt[OrderConfirmed] = OnFinalAttempt(lambda: 3, succeed)
    shipping = event_handler(OrderConfirmed, fail, on_final_attempt=last)
    shipping(again(first, 2), lambda_context())
    assert len(failing()) == 1
    shipping(again(first, 3), lambda_context())
    assert failing() == []
    other = event_handler(OrderConfirmed, fail)
    other(again(first, 4), lambda_context())
    assert len(failing()) == 1
    other(again(first, 5), lambda_context())
    assert failing() == []


def test_the_last_failure_of_a_dead_letter_is_its_noted_cause() -> None:
    first = batch(an_event())
    [record] = first["Records"]
    event_handler(OrderConfirmed, fail)(again(first, 5), lambda_context())
    noted = causes([record["messageId"], "another"])
    assert noted == {record["messageId"]: "ConnectionError: the delivery system does not answer"}


def test_without_a_database_a_batch_is_answered_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from commerce.runtime.db.current import database

    first = batch(an_event(), an_event())
    with monkeypatch.context() as patched:
        patched.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        database().close()
        answer = event_handler(OrderConfirmed, fail)(first, lambda_context())
    database().close()
    assert {each["itemIdentifier"] for each in answer["batchItemFailures"]} == {
        each["messageId"] for each in first["Records"]
    }
    assert failing() == []
