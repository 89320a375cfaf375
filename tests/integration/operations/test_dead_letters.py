"""Dead letters at the console: listed, redriven, discarded; none is lost, each act is audited."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from commerce.entrypoints.queue import Received, batch_handler, event_handler
from commerce.order.events import OrderConfirmed
from commerce.runtime.aws import client
from commerce.shared import clock
from commerce.shared.errors import Unavailable
from tests.support.dead_letters import DeadQueue, an_order_message, take_all
from tests.support.envelopes import an_order, envelope_of
from tests.support.lambda_calls import bus_message, call, lambda_context, sqs_event
from tests.support.operations import (
    NAME,
    a_console_queue,
    discard,
    list_dead_letters,
    list_queues,
    redrive,
)
from tests.support.shop import a_buyer, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


def audit(message_id: str) -> list[Any]:
    found = rows(
        'SELECT "by", action, queue, body, reason FROM ops_audit WHERE message_id = $1 ORDER BY id',
        message_id,
    )
    return [tuple(row) for row in found]


def test_queues_with_dead_letters_are_listed_first(dead: DeadQueue) -> None:
    [first, _] = dead.fill(an_order_message("o-1"), an_order_message("o-2"))
    answer = list_queues()
    assert answer.status == 200
    shown, schedule = answer.json["queues"]
    assert (shown["queue"], shown["count"], shown["can_redrive"]) == (NAME, 2, True)
    [oldest] = shown["letters"]
    assert (oldest["order_id"], oldest["message_id"]) == ("o-1", first)
    assert schedule == {
        "queue": "schedule", "count": 0, "can_redrive": False, "is_urgent": True, "letters": [],
        "under_way": 0,
    }  # fmt: skip


def test_a_dead_letter_shows_its_event_and_the_cause_that_the_bus_gave(dead: DeadQueue) -> None:
    body = an_order_message("o-1", "e-1")
    refused = {"ERROR_MESSAGE": {"DataType": "String", "StringValue": "no permission"}}
    [id_] = dead.fill(body, attributes=refused)
    [dead_letter] = list_dead_letters().json["letters"]
    assert dead_letter.pop("sent_at") == dead_letter.pop("occurred_at")
    assert 0 <= dead_letter.pop("age_seconds") < 60
    assert dead_letter == {
        "message_id": id_,
        "kind": "OrderConfirmed",
        "redriven": 0,
        "type": "OrderConfirmed",
        "event_id": "e-1",
        "order_id": "o-1",
        "trace_id": "t",
        "cause": "no permission",
        "body": body,
        "body_is_cut": False,
    }


def test_the_last_failure_in_the_log_is_the_cause(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    [id_] = dead.fill(an_order_message("o-1", "e-1"))
    failure = {"exception": "Traceback …\ncommerce.DeliverySystemFailed: HTTP 500\n"}
    line = json.dumps({"message_id": id_, "event_id": "e-1", **failure})
    others = json.dumps({"message_id": "another", "event_id": "e-1", "exception": "ValueError"})
    searches: list[dict[str, Any]] = []

    def search(**parameters: Any) -> Any:
        searches.append(parameters)
        if "nextToken" not in parameters:  # CloudWatch may answer with an empty page first
            return {"events": [], "nextToken": "more"}
        # An emulator may search for single words, and so find other lines about the event.
        return {"events": [{"message": "{}"}, {"message": line}, {"message": others}]}

    monkeypatch.setattr(client("logs", attempts=1), "filter_log_events", search)
    for shown in (list_dead_letters().json, list_queues().json["queues"][0]):
        assert shown["letters"][0]["cause"] == "commerce.DeliverySystemFailed: HTTP 500"
        assert searches.pop()["filterPattern"] == f'"{id_}" "exception"'


def test_each_message_of_a_mixed_batch_has_its_own_cause(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    bodies = [
        json.dumps(bus_message(envelope_of(an_order((str(clock.new_id()), 1, 100)))))
        for _ in range(2)
    ]
    ids = dead.fill(bodies[0], "nobody can read this", bodies[1])

    def fail(received: Received[OrderConfirmed]) -> None:
        raise ConnectionError(f"no answer about {received.event.aggregate_id}")

    def fail_together(received: Sequence[Received[Any]]) -> None:
        raise ConnectionError(" and ".join(str(each.event.aggregate_id) for each in received))

    orders = [json.loads(each)["detail"]["aggregate_id"] for each in bodies]
    for handler, of_first, of_last in (
        (event_handler(OrderConfirmed, fail), f"no answer about {orders[0]}", orders[1]),
        (batch_handler([OrderConfirmed], fail_together), orders[0], orders[1]),
    ):
        batch = sqs_event(bodies[0], "nobody can read this", bodies[1])
        for record, id_ in zip(batch["Records"], ids, strict=True):
            record["messageId"] = id_
        begun = len(logged())
        answer = handler(batch, lambda_context())
        assert {each["itemIdentifier"] for each in answer["batchItemFailures"]} == set(ids)
        lines = [{"message": json.dumps(each)} for each in logged()[begun:]]
        with monkeypatch.context() as patched:
            search: Any = partial(dict, events=lines)
            patched.setattr(client("logs", attempts=1), "filter_log_events", search)
            causes = {
                each["message_id"]: each["cause"] for each in list_dead_letters().json["letters"]
            }
        first, unreadable, last = (causes[id_] for id_ in ids)
        assert (of_first in first, orders[1] in first) == (True, False)
        assert (of_last in last, orders[0] in last) == (True, False)
        assert "JSONDecodeError" in unreadable


def test_messages_that_failed_together_alone_have_the_cause_of_their_batch(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = dead.fill("{}", "{}")
    lines = [
        {"message": json.dumps({"message_ids": [first, second], "exception": "Unavailable: busy"})},
        {"message": json.dumps({"message_ids": ["another"], "exception": "ValueError: other"})},
    ]
    search = lambda **_: {"events": lines}  # noqa: E731
    monkeypatch.setattr(client("logs", attempts=1), "filter_log_events", search)
    causes = [each["cause"] for each in list_dead_letters().json["letters"]]
    assert causes == ["Unavailable: busy"] * 2


def test_listing_leaves_the_dead_letters_in_place(dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(12)]
    dead.fill(*bodies)
    for _ in range(2):
        assert list_queues().json["queues"][0]["count"] == 12
        assert len(list_dead_letters(query="?limit=50").json["letters"]) == 12
    assert dead.dead_letters() == Counter(bodies)


def test_a_long_body_is_cut_and_marked_as_cut(dead: DeadQueue) -> None:
    dead.fill("x" * 60_000)
    [dead_letter] = list_dead_letters().json["letters"]
    assert (len(dead_letter["body"]), dead_letter["body_is_cut"]) == (50_000, True)


def test_a_redriven_message_keeps_body_and_attributes_and_is_audited(dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(3)]
    kept = {"kept": {"DataType": "String", "StringValue": "yes"}}
    ids = dead.fill(*bodies, attributes=kept)
    admin = an_admin()

    answer = redrive([ids[1]], by=admin)

    assert answer.status == 200
    assert answer.json.pop("redrive_id")
    assert answer.json == {
        "queue": NAME, "done": [ids[1]], "failed": [], "not_found": [], "complete": True,
        "kinds": [{"kind": "OrderConfirmed", "count": 1}],
        "state": "DONE", "sent": 1, "failed_count": 0,
    }  # fmt: skip
    [sent] = take_all(dead.url)
    assert sent["Body"] == bodies[1]
    assert sent["MessageAttributes"]["kept"]["StringValue"] == "yes"
    assert dead.dead_letters() == Counter([bodies[0], bodies[2]])
    assert audit(ids[1]) == [(f"admin:{admin.user_id}", "dlq redrive", NAME, bodies[1], "")]
    assert audit(ids[0]) == []


def test_all_dead_letters_of_a_queue_are_redriven(dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(25)]
    ids = dead.fill(*bodies)
    answer = redrive("all")
    assert sorted(answer.json["done"]) == sorted(ids)
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_a_dead_letter_that_cannot_be_sent_stays(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [an_order_message("o-1"), an_order_message("o-2")]
    ids = dead.fill(*bodies)
    sqs = client("sqs", answer_within_seconds=10)

    def refuse_the_first(QueueUrl: str, Entries: list[Any]) -> Any:  # noqa: N803
        real = real_send(QueueUrl=QueueUrl, Entries=Entries[1:])
        return {**real, "Failed": [{"Id": Entries[0]["Id"], "Code": "OverLimit"}]}

    real_send = sqs.send_message_batch
    monkeypatch.setattr(sqs, "send_message_batch", refuse_the_first)
    answer = redrive(ids)
    assert len(answer.json["done"]) == 1
    [failed] = answer.json["failed"]
    assert failed["cause"] == "OverLimit"
    assert sum(dead.dead_letters().values()) == 1


def test_a_failing_queue_leaves_every_dead_letter_in_place(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "OverLimit", "Message": "no"}}, "SendMessageBatch")

    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    with monkeypatch.context() as patched:
        patched.setattr(client("sqs", answer_within_seconds=10), "send_message_batch", refuse)
        assert redrive([id_]).status == 500
    assert dead.dead_letters() == Counter([body])


def test_a_dead_letter_redriven_already_is_not_found(dead: DeadQueue) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    assert redrive([id_]).json["done"] == [id_]
    again = redrive([id_])
    assert (again.status, again.json["done"], again.json["not_found"]) == (200, [], [id_])


def test_nothing_is_redriven_or_discarded_without_an_audit_entry(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.runtime.db.current import database

    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    database().close()
    with monkeypatch.context() as patched:
        patched.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        assert redrive([id_]).json["code"] == "UNAVAILABLE"
        assert discard([id_], "settled by hand").json["code"] == "UNAVAILABLE"
    assert (dead.bodies(), dead.dead_letters()) == (Counter(), Counter([body]))


def test_a_dead_letter_stays_where_its_own_audit_entry_cannot_be_written(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable

    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    with monkeypatch.context() as patched:
        patched.setattr("commerce.runtime.audit.record_act", refuse)
        for act in (redrive([id_]), discard([id_], "settled by hand")):
            assert act.json["code"] == "UNAVAILABLE"
    assert (dead.bodies(), dead.dead_letters()) == (Counter(), Counter([body]))


def test_a_discarded_dead_letter_is_audited_with_the_reason(dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(3)]
    ids = dead.fill(*bodies)
    admin = an_admin()
    answer = discard([ids[2]], "Settled by telephone", by=admin)
    assert answer.json["done"] == [ids[2]]
    assert dead.dead_letters() == Counter(bodies[:2])
    assert dead.bodies() == Counter()
    assert audit(ids[2]) == [
        (f"admin:{admin.user_id}", "dlq discard", NAME, bodies[2], "Settled by telephone")
    ]


def test_dead_letters_of_a_schedule_cannot_be_redriven(dead: DeadQueue) -> None:
    answer = redrive("all", queue="schedule")
    assert (answer.status, answer.json["code"]) == (409, "LETTERS_HAVE_NO_QUEUE")
    assert discard("all", "nothing is there", queue="schedule").status == 200


@pytest.mark.parametrize("queue", ["no-such-queue", "outbox-nudge-dead-letters", NAME.upper()])
def test_an_unknown_queue_is_answered_with_the_known_ones(dead: DeadQueue, queue: str) -> None:
    for answer in (
        list_dead_letters(queue),
        redrive("all", queue=queue),
        discard("all", "settled by hand", queue=queue),
    ):
        assert (answer.status, answer.json["code"]) == (404, "QUEUE_NOT_FOUND")
        assert NAME in answer.json["detail"]


@pytest.mark.parametrize(
    "body",
    [{}, {"message_ids": []}, {"message_ids": "some"}, {"message_ids": None}, {"reason": "x"}],
)
def test_message_ids_are_required_as_a_list_or_all(dead: DeadQueue, body: dict[str, Any]) -> None:
    message = an_order_message("o-1")
    dead.fill(message)
    for name, asked in (("redrive", body), ("discard", {"reason": "settled by hand", **body})):
        path = f"/admin/dead-letters/{NAME}/{name}"
        answer = call(
            f"operations/{name}_dead_letters", "POST", path, token=an_admin().token, body=asked
        )
        assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert dead.dead_letters() == Counter([message])


@pytest.mark.parametrize("reason", ["", "  ", "x", "x      x", "settled", "x" * 501, None])
def test_a_discard_needs_a_reason(dead: DeadQueue, reason: Any) -> None:
    message = an_order_message("o-1")
    [id_] = dead.fill(message)
    assert discard([id_], reason).status == 422
    assert (dead.dead_letters(), audit(id_)) == (Counter([message]), [])


def test_a_user_can_neither_list_nor_redrive_nor_discard(dead: DeadQueue) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    user = a_buyer()
    for answer in (
        list_queues(by=user),
        redrive([id_], by=user),
        discard([id_], "settled by hand", by=user),
    ):
        assert (answer.status, answer.json["code"]) == (403, "MISSING_SCOPE")
    assert dead.dead_letters() == Counter([body])


def test_every_endpoint_of_operations_needs_an_admin(dead: DeadQueue) -> None:
    user = a_buyer()
    for name, method, path in (
        ("get_overview", "GET", "/admin/overview"),
        ("get_sales", "GET", "/admin/sales"),
        ("list_dead_letters", "GET", f"/admin/dead-letters/{NAME}"),
        ("get_order_as_admin", "GET", "/admin/orders/x"),
        ("requeue_event", "POST", "/admin/set-aside/x/put-back"),
    ):
        refused = call(f"operations/{name}", method, path, token=user.token)
        assert (refused.status, refused.json["code"]) == (403, "MISSING_SCOPE"), name
        assert call(f"operations/{name}", method, path).status == 401, name
