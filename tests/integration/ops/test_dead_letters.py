"""`make ops ARGS="dlq …"`: dead letters are listed, redriven, discarded; none is lost."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from commerce.runtime.messaging import dead_letters as module
from commerce.runtime.messaging.dead_letters import DeadLetters
from infra.ops.__main__ import main
from infra.ops.target import Target, client
from tests.support.dead_letters import DeadQueue, a_dead_queue, an_order_message, take_all
from tests.support.operations import note_cause
from tests.support.shop import rows

pytestmark = pytest.mark.usefixtures("shop_environment")

Ops = Callable[..., tuple[int, Any]]


@pytest.fixture(autouse=True)
def _single_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto is one server: an empty answer means an empty queue."""
    monkeypatch.setattr(module, "EMPTY_RECEIVES", 1)


@pytest.fixture
def dead() -> DeadQueue:
    return a_dead_queue()


@pytest.fixture
def ops(dead: DeadQueue, capsys: pytest.CaptureFixture[str]) -> Ops:
    """Run a command as a program would; exit code and JSON."""

    def run(*arguments: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*arguments, "--stack", dead.stack, "--json"])
        return code, json.loads(capsys.readouterr().out)

    return run


def test_the_list_shows_number_age_and_subject_of_the_oldest(ops: Ops, dead: DeadQueue) -> None:
    dead.fill(an_order_message("o-1"), an_order_message("o-2"))
    code, answer = ops("dlq", "list")
    assert code == 0
    [queue] = answer["queues"]
    assert (queue["queue"], queue["letters"]) == (dead.name, 2)
    assert queue["oldest"]["order_id"] == "o-1"
    assert queue["oldest"]["type"] == "OrderConfirmed"
    assert 0 <= queue["oldest"]["age_seconds"] < 60


def test_listing_leaves_the_dead_letters_in_place(ops: Ops, dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(25)]
    dead.fill(*bodies)
    for _ in range(2):
        assert ops("dlq", "list")[1]["queues"][0]["letters"] == 25
        assert len(ops("dlq", "show", dead.name, "--limit", "100")[1]["letters"]) == 25
    assert dead.dead_letters() == Counter(bodies)


def test_show_names_order_event_trace_and_the_cause_that_the_bus_gave(
    ops: Ops, dead: DeadQueue
) -> None:
    body = an_order_message("o-1", "e-1")
    dead.fill(body, attributes={
        "ERROR_MESSAGE": {"DataType": "String", "StringValue": "no permission"}
    })  # fmt: skip
    [dead_letter] = ops("dlq", "show", dead.name)[1]["letters"]
    assert (dead_letter["order_id"], dead_letter["event_id"], dead_letter["trace_id"]) == (
        "o-1",
        "e-1",
        "t",
    )
    assert (dead_letter["cause"], dead_letter["body"]) == ("no permission", body)


@pytest.mark.parametrize("body", ["", "not json", "[]", '{"detail": 1}', '{"detail": {"data": 2}}'])
def test_a_malformed_dead_letter_is_shown_too(ops: Ops, dead: DeadQueue, body: str) -> None:
    [id_] = dead.fill(body or " ")
    [dead_letter] = ops("dlq", "show", dead.name)[1]["letters"]
    assert (dead_letter["message_id"], dead_letter["order_id"]) == (id_, "")


def test_all_dead_letters_are_redriven_once_with_their_attributes(
    ops: Ops, dead: DeadQueue
) -> None:
    attributes = {"kept": {"DataType": "String", "StringValue": "yes"}}
    bodies = [an_order_message(f"o-{n}") for n in range(120)]
    dead.fill(*bodies, attributes=attributes)
    code, answer = ops("dlq", "redrive", dead.name)
    assert (code, len(answer["redriven"]), answer["failed"]) == (0, 120, {})
    sent = take_all(dead.url)
    assert Counter(each["Body"] for each in sent) == Counter(bodies)
    assert all(each["MessageAttributes"]["kept"]["StringValue"] == "yes" for each in sent)
    assert dead.dead_letters() == Counter()


def test_a_redrive_of_ids_leaves_the_others_visible_at_once(ops: Ops, dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}", f"e-{n}") for n in range(60)]
    ids = dead.fill(*bodies)
    asked = ["--id", ids[3], "--id", "e-31", "--id", "o-59"]
    code, answer = ops("dlq", "redrive", dead.name, *asked)
    assert (code, sorted(answer["redriven"])) == (0, sorted([ids[3], ids[31], ids[59]]))
    kept = rows("SELECT message_id FROM ops_audit WHERE action = 'dlq redrive'")
    assert {ids[3], ids[31], ids[59]} == {each.message_id for each in kept} & set(ids)
    assert dead.bodies() == Counter([bodies[3], bodies[31], bodies[59]])
    assert dead.dead_letters() == Counter(bodies) - Counter([bodies[3], bodies[31], bodies[59]])


def test_an_id_that_no_dead_letter_has_is_reported(ops: Ops, dead: DeadQueue) -> None:
    body = an_order_message("o-1")
    dead.fill(body)
    code, answer = ops("dlq", "redrive", dead.name, "--id", "o-1", "--id", "o-2")
    assert (code, answer["not_found"], len(answer["redriven"])) == (1, ["o-2"], 1)


def test_a_message_that_fails_again_meanwhile_is_sent_only_once(dead: DeadQueue) -> None:
    dead.fill(*(an_order_message(f"o-{n}") for n in range(3)))

    def fail_at_once(_done: int) -> None:
        """Let the consumer be quicker than the redrive: each message is a dead letter again."""
        for _ in range(2):
            client("sqs").receive_message(QueueUrl=dead.url, MaxNumberOfMessages=10)

    dead_letters = DeadLetters(Target(dead.stack).queue(dead.name), client("sqs"), 300)
    assert len(dead_letters.redrive(progress=fail_at_once).done) == 3
    assert sum(dead.dead_letters().values()) == 3


def test_a_redrive_keeps_to_its_rate(ops: Ops, dead: DeadQueue) -> None:
    dead.fill(*(an_order_message(f"o-{n}") for n in range(6)))
    started = time.monotonic()
    assert len(ops("dlq", "redrive", dead.name, "--rate", "4")[1]["redriven"]) == 6
    assert time.monotonic() - started >= 1.5


def test_a_redrive_by_type_and_cause_leaves_the_others(ops: Ops, dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(12)]
    other = '{"detail": {"type": "OrderCancelled"}}'
    ids = dead.fill(*bodies, other)
    for id_ in (*ids[:7], ids[-1]):
        note_cause(id_, "DeliverySystemFailed: HTTP 503")
    code, answer = ops(
        "dlq", "redrive", dead.name, "--type", "OrderConfirmed", "--cause", "http 503"
    )
    assert (code, len(answer["redriven"]), answer["cancelled"]) == (0, 7, False)
    assert dead.bodies() == Counter(bodies[:7])
    assert dead.dead_letters() == Counter([*bodies[7:], other])


def test_ctrl_c_ends_a_redrive_after_the_messages_in_hand(
    ops: Ops, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(40)]
    ids = dead.fill(*bodies)
    sqs = client("sqs")
    real = sqs.send_message_batch

    def send_and_interrupt(**given: Any) -> Any:
        sent = real(**given)
        os.kill(os.getpid(), signal.SIGINT)  # between sending and deleting
        return sent

    monkeypatch.setattr(sqs, "send_message_batch", send_and_interrupt)
    code, answer = ops("dlq", "redrive", dead.name, "--rate", "5")
    assert (code, len(answer["redriven"]), answer["cancelled"]) == (1, 5, True)
    assert sum(dead.bodies().values()) == 5  # none of which is a dead letter, too
    assert sum(dead.dead_letters().values()) == 35
    [change] = rows(
        "SELECT after FROM admin_audit WHERE action = 'redrive dead letters' AND trace_id ="
        " (SELECT trace_id FROM ops_audit WHERE message_id = ANY($1) LIMIT 1)",
        ids,
    )
    assert change.after == {"state": "CANCELLED", "sent": 5, "failed": 0}


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_a_rate_must_be_positive(dead: DeadQueue, rate: str) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["dlq", "redrive", dead.name, f"--rate={rate}"])
    assert refused.value.code == 2


def test_a_dead_letter_that_cannot_be_sent_is_visible_at_once(
    ops: Ops, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(12)]
    dead.fill(*bodies)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "OverLimit", "Message": "no"}}, "SendMessageBatch")

    with monkeypatch.context() as patched:
        patched.setattr(client("sqs"), "send_message_batch", refuse)
        code, answer = ops("dlq", "redrive", dead.name)
    assert code == 2
    assert "OverLimit" in answer["error"]
    assert dead.dead_letters() == Counter(bodies)


def test_large_dead_letters_are_split_over_several_calls(ops: Ops, dead: DeadQueue) -> None:
    dead.fill(*(f"{n}{'x' * 25_000}" for n in range(10)))
    dead.fill(*(f"{n}{'y' * 120_000}" for n in range(2)))
    code, answer = ops("dlq", "redrive", dead.name)
    assert (code, len(answer["redriven"])) == (0, 12)
    assert sum(dead.bodies().values()) == 12


def test_dead_letters_of_a_schedule_cannot_be_redriven(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dead = a_dead_queue("schedule")
    client("sqs").delete_queue(QueueUrl=dead.url)
    dead.fill("{}")
    assert main(["dlq", "redrive", "schedule", "--stack", dead.stack]) == 2
    assert "invoke it" in capsys.readouterr().err
    assert dead.dead_letters() == Counter(["{}"])


def audit(message_id: str) -> list[Any]:
    return rows("SELECT * FROM ops_audit WHERE message_id = $1", message_id)


def test_a_discarded_dead_letter_is_audited_and_the_others_stay(ops: Ops, dead: DeadQueue) -> None:
    bodies = [an_order_message(f"o-{n}") for n in range(15)]
    ids = dead.fill(*bodies)
    code, answer = ops(
        "dlq", "discard", dead.name, "--id", "o-4", "--reason", "settled by hand", "--yes"
    )
    assert (code, answer["discarded"]) == (0, [ids[4]])
    [row] = audit(ids[4])
    assert (row.action, row.queue, row.body, row.reason) == (
        "dlq discard", dead.name, bodies[4], "settled by hand"
    )  # fmt: skip
    assert "@" in row.by
    assert dead.dead_letters() == Counter(bodies[:4] + bodies[5:])
    assert dead.bodies() == Counter()


def discard_by_hand(ops: Ops, dead: DeadQueue, *ids: str) -> None:
    options = [word for id_ in ids for word in ("--id", id_)]
    code, _ = ops("dlq", "discard", dead.name, *options, "--reason", "typed by hand", "--yes")
    assert code == 0


def test_a_discarded_message_is_listed_and_restored_from_the_audit(
    ops: Ops, dead: DeadQueue
) -> None:
    kept, mistaken = an_order_message("o-1"), an_order_message("o-2", "e-2")
    ids = dead.fill(kept, mistaken)
    discard_by_hand(ops, dead, *ids)
    listed = ops("dlq", "discarded", dead.name)[1]["letters"]
    found = {each["message_id"]: (each["order_id"], each["reason"]) for each in listed}
    assert (found[ids[0]], found[ids[1]]) == (("o-1", "typed by hand"), ("o-2", "typed by hand"))
    code, answer = ops("dlq", "restore", dead.name, "--id", ids[1])
    assert (code, answer["restored"], answer["not_found"]) == (0, [ids[1]], [])
    assert (dead.bodies(), dead.dead_letters()) == (Counter([mistaken]), Counter())
    assert [row.action for row in audit(ids[1])] == ["dlq discard", "dlq restore"]
    assert [row.action for row in audit(ids[0])] == ["dlq discard"]


def test_an_unreadable_message_is_restored_as_it_was(ops: Ops, dead: DeadQueue) -> None:
    [id_] = dead.fill("nobody can read this, \u00e9 or {")
    discard_by_hand(ops, dead, id_)
    assert ops("dlq", "restore", dead.name, "--id", id_)[0] == 0
    assert dead.bodies() == Counter(["nobody can read this, \u00e9 or {"])


def test_what_was_not_discarded_is_not_restored(ops: Ops, dead: DeadQueue) -> None:
    [id_] = dead.fill(an_order_message("o-1"))
    code, answer = ops("dlq", "restore", dead.name, "--id", id_)
    assert (code, answer["restored"], answer["not_found"]) == (1, [], [id_])
    assert dead.bodies() == Counter()


def test_a_restored_message_that_cannot_be_sent_can_be_restored_again(
    ops: Ops, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    discard_by_hand(ops, dead, id_)

    def fail(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    sqs = client("sqs")
    with monkeypatch.context() as broken:
        broken.setattr(sqs, "send_message", fail)
        broken.setattr("infra.ops.dlq.client", lambda _: sqs)
        assert ops("dlq", "restore", dead.name, "--id", id_)[0] not in (0, 1)
    assert dead.bodies() == Counter()
    assert ops("dlq", "restore", dead.name, "--id", id_)[0] == 0
    assert dead.bodies() == Counter([body])


def test_discarding_needs_confirmation(ops: Ops, dead: DeadQueue) -> None:
    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    code, answer = ops("dlq", "discard", dead.name, "--id", id_, "--reason", "settled by hand")
    assert code == 2
    assert "--yes" in answer["error"]
    assert (audit(id_), dead.dead_letters()) == ([], Counter([body]))


@pytest.mark.parametrize("missing", ["--id", "--reason"])
def test_a_discard_needs_ids_and_a_reason(dead: DeadQueue, missing: str) -> None:
    given = {"--id": "x", "--reason": "settled by hand"}
    del given[missing]
    with pytest.raises(SystemExit) as refused:
        main(["dlq", "discard", dead.name, *next(iter(given.items())), "--yes"])
    assert refused.value.code == 2


def test_nothing_is_discarded_without_an_audit_entry(
    ops: Ops, dead: DeadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    from commerce.runtime.db.current import database

    body = an_order_message("o-1")
    [id_] = dead.fill(body)
    database().close()
    with monkeypatch.context() as patched:
        patched.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
        code, _ = ops(
            "dlq", "discard", dead.name, "--id", id_, "--reason", "settled by hand", "--yes"
        )
    assert code == 2
    assert dead.dead_letters() == Counter([body])


def test_an_unknown_queue_is_answered_with_the_known_ones(ops: Ops, dead: DeadQueue) -> None:
    code, answer = ops("dlq", "show", "no-such-queue")
    assert code == 2
    assert dead.name in answer["error"]


def test_without_json_the_answers_are_tables(
    dead: DeadQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    dead.fill(an_order_message("o-1"))
    for arguments in (
        ["list"], ["show", dead.name], ["redrive", dead.name, "--id", "o-1", "--id", "o-2"],
    ):  # fmt: skip
        main(["dlq", *arguments, "--stack", dead.stack])
    shown = capsys.readouterr()
    assert shown.out.count("OrderConfirmed") == 2
    assert "1 redriven" in shown.out
    assert "o-2: no such dead letter" in shown.out
    assert f"stack {dead.stack} at http" in shown.err
