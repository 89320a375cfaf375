"""Dead letters: list, show, redrive, discard; and those that were discarded: list, restore."""

import argparse
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from commerce.runtime.messaging.dead_letters import (
    DeadLetter,
    DeadLetterResult,
    DeadLetters,
    Pace,
    Queue,
    logged_cause,
)
from commerce.shared.clock import rfc3339
from infra.arguments import whole_number
from infra.ops import logs
from infra.ops.acts import act, moment
from infra.ops.arguments import reason
from infra.ops.command import DONE, FOUND, Answer, add_command, add_group, confirm
from infra.ops.target import OpsError, Target, client
from infra.ops.terminal import age, people, progress_bar, show_error, show_fields, show_table

if TYPE_CHECKING:
    from commerce.app.operations import Discarded
    from commerce.app.operations.redrives import Selection

SAMPLE = 100  # dead letters that are received of each queue to find its oldest
EVER = datetime.fromtimestamp(0, UTC)
VISIBILITY_SECONDS = 300  # what a killed command had received is visible again after it


def add_to(commands: Any) -> None:
    """Add the commands `dlq …`."""
    dlq = add_group(commands, "dlq", "dead letters")
    add_command(dlq, "list", list_queues, show_queues, "every queue with its dead letters")
    shown = add_command(
        dlq, "show", list_dead_letters, show_dead_letters, "the dead letters of a queue"
    )
    redriven = add_command(
        dlq, "redrive", redrive, show_result, "send dead letters back to their queue"
    )
    discarded = add_command(
        dlq, "discard", discard, show_result, "delete dead letters, with a reason"
    )
    gone = add_command(
        dlq, "discarded", list_discarded, show_discarded, "what was discarded, and why"
    )
    restored = add_command(
        dlq, "restore", restore, show_result, "send discarded messages to their queue again"
    )
    for each in (gone, restored):
        each.add_argument("--since", type=moment, default=EVER, metavar="MOMENT")
    for each in (shown, redriven, discarded, gone, restored):
        each.add_argument("queue")
        each.add_argument(
            "--id",
            action="append",
            default=[],
            required=each in (discarded, restored),
            help="of a message, an event or an order; may be repeated",
        )
    shown.add_argument("--limit", type=whole_number, default=20)
    redriven.add_argument("--type", help="only events of this type, as OrderConfirmed; UNREADABLE")
    redriven.add_argument("--cause", help="only those whose cause has this text")
    redriven.add_argument("--rate", type=_rate, help="messages per second")
    discarded.add_argument("--reason", type=reason, required=True)


def _rate(text: str) -> float:
    rate = float(text)
    if rate <= 0:
        raise argparse.ArgumentTypeError("a rate is more than 0")
    return rate


def list_queues(target: Target, _options: argparse.Namespace) -> Answer:
    """List every queue with the number of its dead letters and the oldest, by their harm."""
    from commerce.app.operations.harm import by_harm

    ordered = sorted(target.queues.values(), key=lambda each: by_harm(each.name))
    queues = [_summary(target, _dead_letters(queue)) for queue in ordered]
    if not queues:
        raise OpsError(f"No queue of a stack {target.stack} is found: is --stack right?")
    return DONE, {"queues": queues}


def list_dead_letters(target: Target, options: argparse.Namespace) -> Answer:
    """List the dead letters of a queue with their bodies and attributes."""
    dead_letters = _dead_letters(target.queue(options.queue))
    found = []
    for each in dead_letters.peek(options.limit, options.id):
        attributes = each.to_entry(0)["MessageAttributes"]
        found.append({**_describe(each, target.stack), "attributes": attributes})
    return DONE, {
        "queue": dead_letters.queue.name, "count": dead_letters.count(), "letters": found
    }  # fmt: skip


def redrive(target: Target, options: argparse.Namespace) -> Answer:
    """Send dead letters back to their queue, each audited first, until Ctrl-C.

    Ctrl-C ends it after the messages in hand; the others stay dead letters.
    """
    dead_letters = _dead_letters(target.queue(options.queue))
    dead_letters.require_source()
    queue = dead_letters.queue.name
    with (
        act(target, "dlq redrive", queue) as by,
        progress_bar("Sent back", len(options.id) or dead_letters.count(), options) as progress,
        _interrupted() as is_stopped,
        _counted(by, queue, options) as (selection, result),
    ):
        dead_letters.redrive(
            options.id,
            only=selection.filter,
            pace=Pace(options.rate, is_stopped=is_stopped),
            progress=progress,
            record=_recorder(by, "dlq redrive", queue),
            result=result,
        )
    code, answer = _answer(dead_letters, "redriven", result)
    return (code if result.is_complete else FOUND), answer | {"cancelled": not result.is_complete}


@contextmanager
def _counted(
    by: str, queue: str, options: argparse.Namespace
) -> Iterator[tuple["Selection", DeadLetterResult]]:
    """Record a redrive with its counts and its end, in one row of the audit."""
    from commerce.app.operations import redrives
    from commerce.app.transactions import in_transaction
    from commerce.shared import clock

    id_, result = clock.new_id(), DeadLetterResult()
    selection = redrives.Selection(options.id, options.type, options.cause)
    in_transaction(redrives.begin_redrive, id_, queue, selection, options.rate, by=by)
    state = redrives.RedriveState.UNDER_WAY
    try:
        yield selection, result
        is_done = result.is_complete
        state = redrives.RedriveState.DONE if is_done else redrives.RedriveState.CANCELLED
    finally:  # what was sent before a failure counts, too
        sent, failed = len(result.done), len(result.failed)
        in_transaction(redrives.advance_redrive, id_, sent=sent, failed=failed, state=state)


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns True after Ctrl-C, which raises nothing meanwhile."""
    pressed: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: pressed.append(number))
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def discard(target: Target, options: argparse.Namespace) -> Answer:
    """Delete dead letters, each audited first."""
    dead_letters = _dead_letters(target.queue(options.queue))
    confirm(
        f"Delete {', '.join(options.id)} from {dead_letters.queue.name}? It will not be handled; "
        "its body stays in the table ops_audit.",
        options,
    )
    queue = dead_letters.queue.name
    with act(target, "dlq discard", queue) as by:
        record = _recorder(by, "dlq discard", queue, options.reason)
        result = dead_letters.discard(options.id, record)
    return _answer(dead_letters, "discarded", result)


def list_discarded(target: Target, options: argparse.Namespace) -> Answer:
    """List the messages of a queue that were discarded, the newest first."""
    found = _discarded(target, options)
    return DONE, {
        "queue": options.queue,
        "letters": [
            {
                "message_id": each.message.id,
                "at": rfc3339(each.at),
                "by": each.by,
                "reason": each.reason,
                "type": str(each.message.envelope.get("type", "")),
                "order_id": each.message.order_id,
                "event_id": str(each.message.envelope.get("id", "")),
                "body": each.message.body,
            }
            for each in found
        ],
    }


def restore(target: Target, options: argparse.Namespace) -> Answer:
    """Send discarded messages to their queue again, each audited first."""
    dead_letters = _dead_letters(target.queue(options.queue))
    queue = dead_letters.queue.name
    with act(target, "dlq restore", queue) as by:
        found = [each.message for each in _discarded(target, options)]
        result = dead_letters.restore(found, _recorder(by, "dlq restore", queue))
    known = {id_ for each in found for id_ in each.ids}
    result.not_found = [each for each in options.id if each not in known]
    return _answer(dead_letters, "restored", result)


def _discarded(target: Target, options: argparse.Namespace) -> list["Discarded"]:
    target.use_database()
    from commerce.app.operations import discarded  # imported when the environment is set
    from commerce.app.transactions import in_transaction

    queue = target.queue(options.queue).name
    return in_transaction(discarded, queue, since=options.since, ids=options.id)


def _summary(target: Target, dead_letters: DeadLetters) -> dict[str, Any]:
    count = dead_letters.count()
    sample = dead_letters.peek(SAMPLE) if count else []
    oldest = _describe(sample[0], target.stack) if sample else {}
    oldest.pop("body", None)
    return {"queue": dead_letters.queue.name, "letters": count, "oldest": oldest or None}


def _dead_letters(queue: Queue) -> DeadLetters:
    return DeadLetters(queue, client("sqs"), VISIBILITY_SECONDS)


def _describe(dead_letter: DeadLetter, stack: str) -> dict[str, Any]:
    from commerce.app.operations import describe  # imported when the environment is set

    group = logs.group_of(stack)
    is_logged = logs.exists(group)
    cause = logged_cause(client("logs"), group, dead_letter) if is_logged else dead_letter.cause
    return describe(dead_letter, cause).model_dump(exclude={"sent_at", "body_is_cut"})


def _recorder(by: str, action: str, queue: str, reason: str = "") -> Callable[[DeadLetter], None]:
    from commerce.app.operations import record_act  # imported when the environment is set

    return lambda dead_letter: record_act(by, action, queue, dead_letter, reason)


def _answer(dead_letters: DeadLetters, action: str, result: DeadLetterResult) -> Answer:
    return FOUND if result.failed or result.not_found else DONE, {
        "queue": dead_letters.queue.name,
        action: result.done,
        "failed": result.failed,
        "not_found": result.not_found,
    }


def show_queues(answer: dict[str, Any]) -> None:
    """Print the queues."""
    rows = []
    for each in answer["queues"]:
        oldest = each["oldest"] or {}
        about = oldest.get("order_id") or oldest.get("event_id") or oldest.get("message_id", "")
        rows.append(
            [each["queue"], each["letters"], age(oldest.get("age_seconds")), oldest.get("type"),
             about, oldest.get("cause")]
        )  # fmt: skip
    show_table(["queue", "dead letters", "oldest", "type", "order or event", "cause"], rows)


def show_dead_letters(answer: dict[str, Any]) -> None:
    """Print the dead letters of a queue."""
    names = ["message_id", "age_seconds", "type", "order_id", "event_id", "cause"]
    show_fields(names, answer["letters"])
    people.print(f"{len(answer['letters'])} of about {answer['count']} in {answer['queue']}")


def show_discarded(answer: dict[str, Any]) -> None:
    """Print the messages that were discarded."""
    show_fields(["message_id", "at", "by", "reason", "type", "order_id"], answer["letters"])


def show_result(answer: dict[str, Any]) -> None:
    """Print what was redriven, discarded or restored."""
    action = next(each for each in ("redriven", "discarded", "restored") if each in answer)
    people.print(f"{len(answer[action])} {action} in {answer['queue']}")
    if answer.get("cancelled"):
        people.print("Cancelled: what was sent is under way, the others stay dead letters.")
    for id_, cause in answer["failed"].items():
        show_error(f"{id_}: {cause}")
    for id_ in answer["not_found"]:
        people.print(
            f"✗ {id_}: no such dead letter; another operator may be handling it for up to 5 minutes"
        )
