"""A quarantined event is shown with its data, discarded for a reason, and restored."""

import json
from collections import Counter
from typing import Any

import pytest

from commerce.app.messaging import relay
from commerce.runtime.messaging.bus import MAX_BYTES
from commerce.shared import clock
from commerce.shared.scopes import Scope
from tests.support.dead_letters import DeadQueue
from tests.support.operations import (
    a_console_queue,
    discard_event,
    event,
    list_discarded,
    requeue,
    restore,
)
from tests.support.quarantine import a_quarantined_event, place_of
from tests.support.shop import an_admin, rows, staff_with

pytestmark = pytest.mark.usefixtures("own_shop")

REASON = "The order was shipped by telephone"


@pytest.fixture(autouse=True)
def _dead(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


def acts_on(event_id: str) -> list[tuple[Any, ...]]:
    sql = "SELECT by, action, queue, reason FROM ops_audit WHERE message_id = $1 ORDER BY id"
    return [tuple(row) for row in rows(sql, event_id)]


def outcomes(path: str) -> Counter[str]:
    sql = "SELECT outcome, code FROM staff_act WHERE subject = $1"
    return Counter(row.code or row.outcome for row in rows(sql, path))


def test_a_quarantined_event_is_shown_with_its_data_its_cause_and_since_when() -> None:
    id_, order_id = a_quarantined_event()
    answer = event(id_)
    assert answer.status == 200
    found = answer.json
    assert (found["state"], found["cause"], found["type"], found["aggregate_id"]) == (
        "QUARANTINED", "MalformedDetail", "OrderConfirmed", order_id
    )  # fmt: skip
    assert found["set_aside_at"] is not None
    envelope = json.loads(found["body"])
    assert (envelope["id"], envelope["data"]["order_id"]) == (id_, order_id)
    assert (found["body_is_cut"], found["published_at"]) == (False, None)


def test_an_event_that_waits_or_is_published_is_shown_with_its_state() -> None:
    id_, _ = a_quarantined_event()
    requeue(id_)
    assert (event(id_).json["state"], event(id_).json["cause"]) == ("WAITING", None)
    relay().run()
    assert event(id_).json["state"] == "PUBLISHED"
    assert event(id_).json["published_at"] is not None


def test_the_data_of_an_event_that_is_too_large_for_an_answer_is_cut() -> None:
    id_, _ = a_quarantined_event()
    sql = (
        "UPDATE outbox_set_aside SET data = data || jsonb_build_object('x', repeat('x', $1))"
        " WHERE id = $2"
    )
    rows(sql, 30 * MAX_BYTES, id_)
    found = event(id_).json
    assert (len(found["body"]), found["body_is_cut"]) == (300_000, True)


def test_an_event_that_is_not_kept_is_not_found_and_says_how_long_they_are() -> None:
    for unknown in (str(clock.new_id()), "nonsense"):
        answer = event(unknown)
        assert (answer.status, answer.json["code"]) == (404, "EVENT_NOT_FOUND")
        assert "7 days" in answer.json["detail"]


def test_a_discarded_event_is_deleted_and_kept_in_the_audit_with_its_data() -> None:
    id_, order_id = a_quarantined_event()
    admin = an_admin()
    answer = discard_event(id_, REASON, by=admin)
    assert (answer.status, answer.json) == (200, {"event_id": id_, "discarded": True})
    assert place_of(id_) == []
    assert acts_on(id_) == [(f"admin:{admin.user_id}", "dlq discard", "quarantine", REASON)]
    [shown] = list_discarded().json["items"]
    assert (shown["queue"], shown["message_id"], shown["kind"], shown["order_id"]) == (
        "quarantine", id_, "OrderConfirmed", order_id
    )  # fmt: skip
    assert (shown["reason"], shown["restored_at"]) == (REASON, None)


def test_a_discard_takes_a_reason_and_the_scope_and_is_done_once() -> None:
    id_, _ = a_quarantined_event()
    path = f"/admin/set-aside/{id_}/discard"
    assert discard_event(id_, "x").status == 422
    others = staff_with(*(each for each in Scope if each not in ("ops", "admin")))
    assert discard_event(id_, REASON, by=others).json["code"] == "MISSING_SCOPE"
    assert place_of(id_) == ["outbox_set_aside"]
    assert discard_event(id_, REASON).status == 200
    again = discard_event(id_, REASON)
    assert (again.status, again.json["code"]) == (404, "EVENT_NOT_SET_ASIDE")
    assert discard_event("nonsense", REASON).status == 404
    assert outcomes(path) == Counter({"DONE": 1, "EVENT_NOT_SET_ASIDE": 1, "VALIDATION_FAILED": 1})


def test_a_discarded_event_is_restored_published_and_as_it_was() -> None:
    id_, _ = a_quarantined_event()
    relay().run()
    before = rows("SELECT * FROM outbox_set_aside WHERE id = $1", id_)
    discard_event(id_, REASON)
    admin = an_admin()
    answer = restore([id_], by=admin, queue="quarantine")
    assert (answer.status, answer.json["done"], answer.json["not_found"]) == (200, [id_], [])
    after = rows("SELECT * FROM outbox WHERE id = $1", id_)
    names = ("position", "source", "type", "occurred_at", "aggregate_version", "trace_id", "data")
    assert [getattr(after[0], name) for name in names] == [
        getattr(before[0], name) for name in names
    ]
    assert relay().run().published == 1
    [shown] = list_discarded().json["items"]
    assert shown["restored_by"] == f"admin:{admin.user_id}"


def test_an_event_that_is_kept_is_not_restored_beside_itself() -> None:
    id_, _ = a_quarantined_event()
    discard_event(id_, REASON)
    restore([id_], queue="quarantine")
    unknown = str(clock.new_id())
    for _ in range(2):  # as it waits, and as it is quarantined again
        again = restore([id_, unknown], queue="quarantine").json
        assert (again["done"], again["not_found"]) == ([], sorted([id_, unknown]))
        assert len(place_of(id_)) == 1
        rows(
            "WITH moved AS (DELETE FROM outbox WHERE id = $1 RETURNING *) INSERT INTO"
            " outbox_set_aside SELECT position, id, source, type, occurred_at, aggregate_id,"
            " aggregate_version, trace_id, data, 'again', now() FROM moved",
            id_,
        )
    assert place_of(id_) == ["outbox_set_aside"]
