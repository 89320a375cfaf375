"""Discarding at the console: counted by kind first, never more than was counted, and restored."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from commerce.runtime.messaging.dead_letters import DeadLetters
from commerce.shared.scopes import Scope
from tests.support.dead_letters import DeadQueue, an_order_message
from tests.support.operations import (
    NAME,
    a_console_queue,
    count_kinds,
    discard,
    list_discarded,
    restore,
)
from tests.support.shop import a_buyer, an_admin, rows, staff_with
from tests.support.staff import acts_by

pytestmark = pytest.mark.usefixtures("shop_environment")

GARBAGE = "nothing can be read from this"
REASON = "Sent by mistake, checked with the sender"


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> DeadQueue:
    return a_console_queue(monkeypatch)


def kinds(answer: Any) -> dict[str, int]:
    return {each["kind"]: each["count"] for each in answer.json["kinds"]}


def discarded_of(dead: DeadQueue, ids: list[str]) -> list[dict[str, Any]]:
    """Return the listed discards of the messages, the newest first."""
    found, cursor = [], ""
    while True:
        page = list_discarded(f"?limit=100{cursor}").json
        found += [each for each in page["items"] if each["message_id"] in ids]
        if page["next_cursor"] is None or len(found) == len(ids):
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_dead_letters_are_counted_by_kind_and_stay(dead: DeadQueue) -> None:
    bodies = [f"{GARBAGE} {n}" for n in range(31)]
    dead.fill(*bodies, an_order_message("o-1"))
    answer = count_kinds()
    assert answer.status == 200
    assert answer.json == {
        "queue": NAME,
        "count": 32,
        "kinds": [
            {"kind": "UNREADABLE", "count": 31}, {"kind": "OrderConfirmed", "count": 1}
        ],
    }  # fmt: skip
    assert dead.dead_letters() == Counter([*bodies, an_order_message("o-1")])


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("", "UNREADABLE"),
        ("[1]", "UNREADABLE"),
        ('"text"', "UNREADABLE"),
        ('{"detail": "text"}', "UNREADABLE"),
        ("{", "UNREADABLE"),
        ('{"trace_id": "t"}', "MESSAGE"),  # a nudge
        ('{"detail-type": "Scheduled Event", "detail": {}}', "MESSAGE"),
        ('{"eventType": "Bounce"}', "MESSAGE"),
        ('{"detail": {"type": "PaymentSucceeded"}}', "PaymentSucceeded"),
    ],
)
def test_only_what_is_no_message_of_ours_is_unreadable(
    dead: DeadQueue, body: str, kind: str
) -> None:
    dead.fill(body or " ")
    assert kinds(count_kinds()) == {kind: 1}


def test_discarding_what_is_unreadable_leaves_a_paid_order(dead: DeadQueue) -> None:
    bodies = [f"{GARBAGE} {n}" for n in range(31)]
    ids = dead.fill(*bodies, an_order_message("o-1"))
    answer = discard("all", REASON, kinds={"UNREADABLE": 31})
    assert (answer.status, kinds(answer), answer.json["complete"]) == (
        200,
        {"UNREADABLE": 31},
        True,
    )
    assert sorted(answer.json["done"]) == sorted(ids[:-1])
    assert dead.dead_letters() == Counter([an_order_message("o-1")])


def test_no_more_of_a_kind_is_discarded_than_was_counted(dead: DeadQueue) -> None:
    dead.fill(GARBAGE, an_order_message("o-1"))
    counted = kinds(count_kinds())
    later = [an_order_message("o-2"), '{"detail": {"type": "OrderCancelled"}}']
    dead.fill(*later)
    answer = discard("all", REASON, kinds=counted)
    assert kinds(answer) == {"UNREADABLE": 1, "OrderConfirmed": 1}
    left = dead.dead_letters()
    assert left.total() == 2
    assert later[1] in left


def test_a_discard_in_parts_never_exceeds_what_was_counted(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.app.operations import dead_letters as module

    dead.fill(*(f"{GARBAGE} {n}" for n in range(25)), *(an_order_message("o-1") for _ in range(5)))
    monkeypatch.setattr(module, "WORK_SECONDS", -1.0)
    left, answers = 25, 0
    while left:
        answer = discard("all", REASON, kinds={"UNREADABLE": left})
        left -= kinds(answer).get("UNREADABLE", 0)
        answers += 1
        assert answers < 20
    assert dead.dead_letters() == Counter({an_order_message("o-1"): 5})


@pytest.mark.parametrize("limits", [{}, {"": 1}, {"UNREADABLE": 0}, {"UNREADABLE": "1"}])
def test_kinds_that_mean_nothing_are_refused(dead: DeadQueue, limits: Any) -> None:
    dead.fill(GARBAGE)
    assert discard("all", REASON, kinds=limits).status == 422
    assert dead.dead_letters() == Counter([GARBAGE])


def test_a_discarded_message_is_listed_and_restored_by_its_audit(dead: DeadQueue) -> None:
    body = an_order_message("o-1", "e-1")
    [id_, other] = dead.fill(body, an_order_message("o-1", "e-2"))
    admin = an_admin()
    discard([id_], REASON, by=admin)
    [listed] = discarded_of(dead, [id_])
    at = listed.pop("at")
    assert at.endswith("Z")
    assert listed == {
        "queue": NAME, "message_id": id_, "kind": "OrderConfirmed", "order_id": "o-1",
        "event_id": "e-1", "body": body, "body_is_cut": False, "by": f"admin:{admin.user_id}",
        "reason": REASON, "restored_at": None, "restored_by": None,
    }  # fmt: skip

    operator = staff_with(Scope.OPS)
    answer = restore([id_, other], by=operator)

    assert (answer.json["done"], answer.json["not_found"]) == ([id_], [other])
    assert kinds(answer) == {"OrderConfirmed": 1}
    assert dead.bodies() == Counter([body])
    [listed] = discarded_of(dead, [id_])
    assert listed["restored_by"] == f"admin:{operator.user_id}"
    assert listed["restored_at"] >= at
    [act] = rows(
        "SELECT action, queue, body FROM ops_audit WHERE message_id = $1 ORDER BY id DESC LIMIT 1",
        id_,
    )
    assert tuple(act) == ("dlq restore", NAME, body)
    act_of_restore = (f"POST /admin/dead-letters/{NAME}/restore", "DONE", None)
    assert acts_by(f"admin:{operator.user_id}") == [act_of_restore]


def test_discarded_messages_are_listed_the_newest_first_page_by_page(dead: DeadQueue) -> None:
    ids = dead.fill(*(an_order_message(f"o-{n}") for n in range(3)))
    for each in ids:
        discard([each], REASON)
    found = [each["message_id"] for each in discarded_of(dead, ids)]
    assert found == ids[::-1]
    first = list_discarded("?limit=1").json
    second = list_discarded(f"?limit=1&cursor={first['next_cursor']}").json
    assert first["items"][0]["at"] >= second["items"][0]["at"]
    assert first["items"][0]["message_id"] != second["items"][0]["message_id"]


def test_a_long_discarded_body_is_cut_in_the_list_and_restored_whole(dead: DeadQueue) -> None:
    body = json.dumps({"detail": {"type": "OrderConfirmed", "filler": "x" * 30_000}})
    [id_] = dead.fill(body)
    discard([id_], REASON)
    [listed] = discarded_of(dead, [id_])
    assert (len(listed["body"]), listed["body_is_cut"]) == (20_000, True)
    assert restore([id_]).json["done"] == [id_]
    assert dead.bodies() == Counter([body])


def test_a_message_is_restored_from_its_own_queue_only(dead: DeadQueue) -> None:
    [id_] = dead.fill(GARBAGE)
    discard([id_], REASON)
    answer = restore([id_], queue="schedule")
    assert (answer.status, answer.json["code"]) == (409, "LETTERS_HAVE_NO_QUEUE")
    assert restore(["no-such-message"]).json["not_found"] == ["no-such-message"]
    assert dead.bodies() == Counter()


def test_a_message_is_not_restored_without_its_audit_entry(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.shared.errors import Unavailable

    def refuse(*_: object) -> None:
        raise Unavailable

    [id_] = dead.fill(GARBAGE)
    discard([id_], REASON)
    with monkeypatch.context() as patched:
        patched.setattr("commerce.runtime.audit.record_act", refuse)
        assert restore([id_]).json["code"] == "UNAVAILABLE"
    assert dead.bodies() == Counter()


def test_discarded_messages_are_shown_and_restored_with_the_scope_ops_only(
    dead: DeadQueue,
) -> None:
    [id_] = dead.fill(GARBAGE)
    discard([id_], REASON)
    for caller in (
        a_buyer(),
        staff_with(*(each for each in Scope if each not in ("ops", "admin"))),
    ):
        for answer in (list_discarded(by=caller), restore([id_], by=caller)):
            assert (answer.status, answer.json["code"]) == (403, "MISSING_SCOPE")
    assert dead.bodies() == Counter()


def test_a_type_that_names_nothing_is_unreadable(dead: DeadQueue) -> None:
    types: list[Any] = ["x" * 101, {"a": 1}, ""]
    dead.fill(*(json.dumps({"detail": {"type": each}}) for each in types))
    assert kinds(count_kinds()) == {"UNREADABLE": 3}


def test_a_discard_of_a_kind_that_is_gone_ends_in_time(
    dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce.app.operations.dead_letters.WORK_SECONDS", 0.0)
    receive, received = DeadLetters._receive_all, list[Any]()

    def watched(self: DeadLetters, *limits: Any) -> Iterator[Any]:
        for batch in receive(self, *limits):
            received.append(batch)
            yield batch

    monkeypatch.setattr(DeadLetters, "_receive_all", watched)
    dead.fill(*(an_order_message(f"o-{number}") for number in range(25)))
    answer = discard("all", REASON, kinds={"UNREADABLE": 3})
    assert (answer.json["done"], answer.json["complete"], len(received)) == ([], False, 1)
    assert sum(dead.dead_letters().values()) == 25
