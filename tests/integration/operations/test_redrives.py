"""A redrive of many dead letters: one act in parts, filtered, at a rate, which can be cancelled."""

import time
from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from commerce.app.operations import dead_letters as module
from commerce.runtime.aws import client
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.lambda_calls import Answer, call
from tests.support.operations import (
    NAME,
    a_console_queue,
    cancel_redrive,
    continue_redrive,
    list_dead_letters,
    note_cause,
    redrive,
    search,
)
from tests.support.other_connection import wait_until
from tests.support.shop import Person, an_admin, rows

pytestmark = pytest.mark.usefixtures("shop_environment")

DOWN = "DeliverySystemFailed: HTTP 503"
OTHER_KIND = '{"detail": {"id": "e", "type": "OrderCancelled", "data": {"order_id": "c"}}}'


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


@pytest.fixture
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part sends one batch."""
    monkeypatch.setattr(module, "PART_SECONDS", -1.0)


def many(count: int) -> list[str]:
    return [an_order_message(f"o-{n}") for n in range(count)]


def to_the_end(first: Answer, by: Person) -> list[Answer]:
    """Continue until it is over, as the console does."""
    answers = [first]
    while answers[-1].status == 202:
        answers.append(continue_redrive(first.json["redrive_id"], by))
    return answers


def acts_of(by: Person) -> list[dict[str, Any]]:
    """Read the audit of one member of staff."""
    query = f"/admin/audit?by=admin:{by.user_id}"
    answer = call("operations/list_acts", "GET", query, token=an_admin().token)
    found: list[dict[str, Any]] = answer.json["items"]
    return found


@pytest.mark.usefixtures("short_parts")
def test_a_redrive_in_parts_is_one_act_with_its_counts(dead: DeadQueue) -> None:
    bodies, admin = many(25), an_admin()
    dead.fill(*bodies)

    first = redrive("all", by=admin)

    assert (first.status, first.json["state"], first.json["sent"]) == (202, "UNDER_WAY", 10)
    [act] = acts_of(admin)
    assert (act["outcome"], act["messages"]) == ("UNKNOWN", 10)
    answers = to_the_end(first, admin)
    assert [len(each.json["done"]) for each in answers] == [10, 10, 5, 0]
    assert [each.json["sent"] for each in answers] == [10, 20, 25, 25]
    [act] = acts_of(admin)
    [change] = act.pop("changes")
    assert (act["outcome"], act["messages"]) == ("DONE", 25)
    assert act["act_id"] == change["subject_id"] == first.json["redrive_id"]
    assert change["before"] == {
        "queue": NAME, "message_ids": "all", "kind": None, "cause": None, "rate": None
    }  # fmt: skip
    assert change["after"] == {"state": "DONE", "sent": 25, "failed": 0}
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_those_of_a_type_and_cause_are_redriven_and_the_others_stay(dead: DeadQueue) -> None:
    bodies = [*many(23), OTHER_KIND]
    ids = dead.fill(*bodies)
    for id_ in (*ids[:12], ids[-1]):
        note_cause(id_, DOWN)
    for id_ in ids[12:15]:
        note_cause(id_, "ConnectionError: no route")

    answer = redrive("all", kind="OrderConfirmed", cause="http 503")

    assert (answer.status, answer.json["sent"]) == (200, 12)
    assert dead.bodies() == Counter(bodies[:12])
    assert dead.dead_letters() == Counter(bodies[12:])  # and visible at once


def test_a_cause_is_found_whatever_its_capitals(dead: DeadQueue) -> None:
    [id_] = dead.fill(*many(1))
    note_cause(id_, "ConnectionError: No Route")
    assert redrive("all", cause="NO ROUTE").json["sent"] == 1


@pytest.mark.usefixtures("short_parts")
def test_a_filtered_redrive_looks_past_those_that_stay(dead: DeadQueue) -> None:
    """Each part hides from the next what it has passed over."""
    bodies, admin = [*[OTHER_KIND] * 40, *many(15)], an_admin()
    dead.fill(*bodies)
    answers = to_the_end(redrive("all", by=admin, kind="OrderConfirmed"), admin)
    assert answers[-1].json["sent"] == 15
    assert dead.bodies() == Counter(bodies[40:])


@pytest.mark.usefixtures("short_parts")
def test_what_fails_again_between_two_parts_is_not_sent_again(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "VISIBILITY_SECONDS", 20)  # of what a part has passed over
    admin = an_admin()
    dead.fill(*many(15))
    first = redrive("all", by=admin)
    sqs = boto3.client("sqs", endpoint_url=client("sqs").meta.endpoint_url)
    for _ in range(4):  # the queue's only try, and the move to the dead letters
        sqs.receive_message(QueueUrl=dead.url, MaxNumberOfMessages=10, VisibilityTimeout=0)

    answers = to_the_end(first, admin)

    assert answers[-1].json["sent"] == 15
    assert sum(dead.bodies().values()) == 5
    left = Counter[str]()
    wait_until(lambda: bool(left.update(dead.dead_letters()) or left.total() == 10))
    [act] = acts_of(admin)
    assert act["messages"] == 15


@pytest.mark.usefixtures("short_parts")
def test_a_cancelled_redrive_leaves_the_rest_as_dead_letters(dead: DeadQueue) -> None:
    bodies, admin = many(25), an_admin()
    dead.fill(*bodies)
    id_ = redrive("all", by=admin).json["redrive_id"]

    cancelled = cancel_redrive(id_, admin)

    assert cancelled.status == 200
    assert (cancelled.json["state"], cancelled.json["sent"]) == ("CANCELLED", 10)
    again = continue_redrive(id_, admin)
    assert (again.status, again.json["state"], again.json["done"]) == (200, "CANCELLED", [])
    [act] = acts_of(admin)
    assert act["outcome"] == "DONE"
    assert act["changes"][0]["after"] == {"state": "CANCELLED", "sent": 10, "failed": 0}
    assert sum(dead.bodies().values()) == 10
    assert sum(dead.dead_letters().values()) == 15


@pytest.mark.usefixtures("short_parts")
def test_only_who_began_a_redrive_continues_it_and_on_its_queue(dead: DeadQueue) -> None:
    admin = an_admin()
    dead.fill(*many(15))
    id_ = redrive("all", by=admin).json["redrive_id"]
    for answer in (
        continue_redrive(id_, an_admin()),
        cancel_redrive(id_, an_admin()),
        continue_redrive(id_, admin, queue="schedule"),
        continue_redrive("no id", admin),
        continue_redrive(str(admin.user_id), admin),
    ):
        assert (answer.status, answer.json["code"]) == (404, "REDRIVE_NOT_FOUND")
    assert sum(dead.bodies().values()) == 10


@pytest.mark.usefixtures("short_parts")
def test_chosen_messages_that_a_part_has_sent_are_not_missed_by_the_next(dead: DeadQueue) -> None:
    admin = an_admin()
    ids = dead.fill(*many(25))
    answers = to_the_end(redrive([*ids[:15], "missing"], by=admin), admin)
    assert answers[-1].json["sent"] == 15
    assert answers[-1].json["not_found"] == ["missing"]
    assert sum(dead.bodies().values()) == 15


def test_what_was_sent_before_a_failure_is_counted(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies, admin = many(15), an_admin()
    dead.fill(*bodies)
    sqs = client("sqs", answer_within_seconds=10)
    real, calls = sqs.send_message_batch, list[int]()

    def fail_the_second(**given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ClientError({"Error": {"Code": "OverLimit", "Message": "no"}}, "SendMessage")
        return real(**given)

    monkeypatch.setattr(sqs, "send_message_batch", fail_the_second)
    assert redrive("all", by=admin).status >= 500
    [act] = acts_of(admin)
    assert act["changes"][0]["after"] == {"state": "UNDER_WAY", "sent": 10, "failed": 0}
    done = continue_redrive(act["act_id"], admin)
    assert (done.json["state"], done.json["sent"]) == ("DONE", 15)
    assert (dead.bodies(), dead.dead_letters()) == (Counter(bodies), Counter())


def test_a_redrive_at_the_console_keeps_to_its_rate(dead: DeadQueue) -> None:
    dead.fill(*many(6))
    started = time.monotonic()
    assert redrive("all", rate=4).json["sent"] == 6
    assert time.monotonic() - started >= 1.5


@pytest.mark.parametrize(
    "more", [{"rate": 0}, {"rate": 1001}, {"rate": 1.5}, {"cause": " "}, {"kind": ""}]
)
def test_a_malformed_filter_or_rate_is_refused(dead: DeadQueue, more: dict[str, Any]) -> None:
    dead.fill(*many(1))
    answer = redrive("all", **more)
    assert (answer.status, answer.json["code"]) == (422, "VALIDATION_FAILED")
    assert dead.bodies() == Counter()


def test_a_search_counts_kinds_and_causes_and_shows_those_that_match(dead: DeadQueue) -> None:
    ids = dead.fill(*many(12), OTHER_KIND)
    for id_ in ids[:9]:
        note_cause(id_, DOWN)

    found = search("?cause=http%20503&limit=5").json

    letters = found.pop("letters")
    assert [each["cause"] for each in letters] == [DOWN] * 5
    assert found == {
        "queue": NAME, "count": 13, "looked_at": 13, "matching": 9, "is_complete": True,
        "groups": [
            {"kind": "OrderConfirmed", "cause": DOWN, "count": 9},
            {"kind": "OrderConfirmed", "cause": "", "count": 3},
            {"kind": "OrderCancelled", "cause": "", "count": 1},
        ],
    }  # fmt: skip
    assert search("?kind=OrderCancelled").json["matching"] == 1
    assert sum(dead.dead_letters().values()) == 13  # all are visible


def test_a_search_out_of_time_says_so(dead: DeadQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    dead.fill(*many(25))
    monkeypatch.setattr(module, "SEARCH_SECONDS", -1.0)
    found = search().json
    assert (found["looked_at"], found["is_complete"]) == (10, False)


def test_a_noted_cause_is_shown_without_a_search_of_the_log(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search_log(**_: object) -> Any:
        raise AssertionError("the log was searched")

    [id_] = dead.fill(*many(1))
    note_cause(id_, DOWN)
    monkeypatch.setattr(client("logs", attempts=1), "filter_log_events", search_log)
    assert list_dead_letters().json["letters"][0]["cause"] == DOWN


def test_the_audit_keeps_each_message_of_a_redrive(dead: DeadQueue) -> None:
    ids = dead.fill(*many(3))
    redrive("all", kind="OrderConfirmed")
    sql = "SELECT message_id FROM ops_audit WHERE message_id = ANY($1) AND action = 'dlq redrive'"
    assert {each.message_id for each in rows(sql, ids)} == set(ids)
