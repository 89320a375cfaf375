"""The dead letters of this deployment, as the console lists, redrives, discards and restores them.

Everything here ends before API Gateway's time-out. A redrive or discard of many dead letters stops
in time, and its answer says whether some were not reached.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import Field

from commerce.app.operations.commands import Discard, Redrive, Restore
from commerce.app.operations.discarded import DISCARD, RESTORE, discarded_messages
from commerce.app.operations.errors import QueueNotFound
from commerce.app.operations.events import QUARANTINE, restore_events
from commerce.app.operations.harm import by_harm, is_urgent
from commerce.app.operations.redriven import REDRIVE, Redriven, redriven_lately
from commerce.app.transactions import in_transaction
from commerce.runtime import audit, settings
from commerce.runtime.audit import Act
from commerce.runtime.aws import client
from commerce.runtime.db.current import database
from commerce.runtime.deadline import Deadline
from commerce.runtime.messaging.dead_letters import (
    SUFFIX,
    DeadLetter,
    DeadLetterResult,
    DeadLetters,
    Queue,
    logged_cause,
)
from commerce.shared import clock
from commerce.shared.schemas import Timestamp, View

SAMPLE = 10  # dead letters that are received of each queue to find its oldest
WORK_SECONDS = 15.0  # no batch is begun later; API Gateway waits for 29 s
# Longer than a function may run, so that only those of a killed function are released by it.
VISIBILITY_SECONDS = 60
CAUSES_SECONDS = (
    4.0  # a large log is slow to search: causes that are not found by then are left out
)
MAX_ABOUT = 20  # dead letters of an order in one queue
COUNT_SECONDS = 15.0  # of counting by kind
# A redriven message is handled or a dead letter again by then: tries times visibility time-out.
UNDER_WAY_FOR = timedelta(hours=1)
COUNTS_ARE_LATE = timedelta(minutes=1)  # SQS' number of messages
MAX_BODY_CHARACTERS = 50_000  # of each body in an answer, which may have 6 MB


KIND: Any = Field(
    description="The event's type; MESSAGE of a readable message that is no event; else UNREADABLE"
)


class DeadLetterView(View):
    """A dead letter. What cannot be read from its message is empty."""

    message_id: str
    kind: str = KIND
    sent_at: Timestamp = Field(description="When it was sent, the last time that it was redriven")
    occurred_at: Timestamp = Field(description="When its event occurred, else when it was sent")
    age_seconds: int = Field(description="Since the event occurred")
    redriven: int = Field(description="How often it was redriven")
    type: str
    event_id: str
    order_id: str
    trace_id: str
    cause: str
    body: str
    body_is_cut: bool


class QueueDeadLettersView(View):
    """A queue with its dead letters: their approximate number, and some of them, oldest first.

    `can_redrive` is false if they have no source queue. Dead letters that another operator handles
    at this moment are counted but not shown.
    """

    queue: str
    count: int
    is_urgent: bool = Field(description="Buyers wait for money, goods or their turn")
    can_redrive: bool
    under_way: int = Field(
        description="Redriven, and neither handled nor dead letters again; about, and at most"
    )
    letters: list[DeadLetterView]


class QueuesView(View):
    """Every queue that has a dead-letter queue: those with dead letters first, by their harm."""

    queues: list[QueueDeadLettersView]


class KindView(View):
    """The number of dead letters of one kind."""

    kind: str = KIND
    count: int


class KindsView(View):
    """The dead letters of a queue by kind, the most first.

    `count` is about how many there are; it is more than the sum of the kinds while another operator
    handles some, and where there are too many to count in time.
    """

    queue: str
    count: int
    kinds: list[KindView]


class FailureView(View):
    """A dead letter that stays in its queue, and the cause."""

    message_id: str
    cause: str


class DeadLetterOutcomeView(View):
    """The ids of the dead letters that were handled, those that failed and those not found.

    `kinds` counts those that were handled. `complete` is false if the time ran out before all were
    handled: repeat the request.
    """

    queue: str
    done: list[str]
    kinds: list[KindView]
    failed: list[FailureView]
    not_found: list[str]
    complete: bool


def describe(dead_letter: DeadLetter, cause: str, max_body: int | None = None) -> DeadLetterView:
    """Describe a dead letter, for the console and for `make ops`; `max_body` cuts its body."""
    envelope = dead_letter.envelope
    body = dead_letter.body[:max_body]
    return DeadLetterView(
        message_id=dead_letter.id,
        kind=dead_letter.kind,
        sent_at=dead_letter.sent_at,
        occurred_at=dead_letter.occurred_at,
        age_seconds=dead_letter.age_seconds,
        redriven=dead_letter.redriven,
        type=str(envelope.get("type", "")),
        event_id=str(envelope.get("id", "")),
        order_id=dead_letter.order_id,
        trace_id=str(envelope.get("trace_id", "")),
        cause=cause,
        body=body,
        body_is_cut=len(body) < len(dead_letter.body),
    )


def queues() -> QueuesView:
    """List every queue, each with the oldest dead letter of a sample, and its cause."""
    cause_of, redriven = (
        _causes(),
        in_transaction(redriven_lately, since=clock.now() - UNDER_WAY_FOR),
    )
    shown = [
        _list(_dead_letters(queue), SAMPLE, cause_of, redriven.get(queue.name), shown=1)
        for queue in _queues()
    ]
    return QueuesView(queues=sorted(shown, key=lambda each: (each.count == 0, by_harm(each.queue))))


def counts() -> dict[str, int]:
    """Count the dead letters of every queue, without receiving any."""
    return {queue.name: _dead_letters(queue).count() for queue in _queues()}


def dead_letters_of(queue: str, limit: int) -> QueueDeadLettersView:
    """List the dead letters of one queue, with their causes. Raises QueueNotFound."""
    found = _dead_letters(_queue(queue))
    redriven = in_transaction(redriven_lately, since=clock.now() - UNDER_WAY_FOR)
    return _list(found, limit, _causes(), redriven.get(queue))


def dead_letters_about(order_id: str, seconds: float) -> tuple[list[tuple[str, DeadLetter]], bool]:
    """Find an order's dead letters, each with its queue; and whether every queue was searched.

    Queues are searched in the order of their harm, until the time is over.
    """
    deadline, found = Deadline.within(seconds), list[tuple[str, DeadLetter]]()
    for queue in sorted(_queues(), key=lambda each: by_harm(each.name)):
        if deadline.is_over:
            return found, False
        dead_letters = _dead_letters(queue)
        if dead_letters.count():
            left = deadline.left_seconds
            about = dead_letters.peek(MAX_ABOUT, [order_id], quick=True, seconds=left)
            found += [(queue.name, each) for each in about]
    return found, not deadline.is_over


def kinds_of(queue: str) -> KindsView:
    """Count the dead letters of one queue by kind. Raises QueueNotFound."""
    found = _dead_letters(_queue(queue))
    kinds = found.kinds(COUNT_SECONDS)
    count = max(found.count(), kinds.total())  # SQS' own number is late
    return KindsView(queue=queue, count=count, kinds=_kinds(kinds))


def redrive(queue: str, command: Redrive, *, by: str) -> DeadLetterOutcomeView:
    """Send dead letters back to their queue, audited. Raises QueueNotFound, NoSourceQueue."""
    record = partial(record_act, by, REDRIVE, queue)
    result = _dead_letters(_queue(queue)).redrive(command.ids, record=record, seconds=WORK_SECONDS)
    return _outcome(queue, result)


def discard(queue: str, command: Discard, *, by: str) -> DeadLetterOutcomeView:
    """Delete dead letters, each audited first with the reason. Raises QueueNotFound."""
    record = partial(record_act, by, DISCARD, queue, reason=command.reason)
    result = _dead_letters(_queue(queue)).discard(
        command.ids, record, kinds=command.limits, seconds=WORK_SECONDS
    )
    return _outcome(queue, result)


def restore(queue: str, command: Restore, *, by: str) -> DeadLetterOutcomeView:
    """Send discarded messages to their queue again, each audited first.

    Of the queue `quarantine`, discarded events are given to the relay again. Raises QueueNotFound,
    NoSourceQueue.
    """
    if queue == QUARANTINE:
        result = DeadLetterResult()
        result.add(in_transaction(restore_events, command.message_ids, by=by))
    else:
        dead_letters = _dead_letters(_queue(queue))
        found = in_transaction(discarded_messages, queue, command.message_ids)
        messages = [each.message for each in found]
        result = dead_letters.restore(messages, partial(record_act, by, RESTORE, queue))
    result.not_found = sorted(set(command.message_ids) - set(result.done))
    return _outcome(queue, result)


def record_act(by: str, action: str, queue: str, dead_letter: DeadLetter, reason: str = "") -> None:
    """Audit what an operator is about to do to a dead letter, with its body, and commit it."""
    audit.record_act(database(), Act(by, action, queue, dead_letter.id, dead_letter.body, reason))


def _queues() -> Iterator[Queue]:
    # All queues of a stack have the same account, region and prefix.
    base, _, relay = settings.text("RELAY_QUEUE_URL").rpartition("/")
    stack = relay.removesuffix("outbox-nudge")
    for name in settings.text("QUEUES").split(","):
        url = f"{base}/{stack}{name}"
        yield Queue(name, url, f"{url}{SUFFIX}")
    for name in filter(None, settings.text("DEAD_LETTER_ONLY_QUEUES", "").split(",")):
        yield Queue(name, "", f"{base}/{stack}{name}{SUFFIX}")


def _queue(name: str) -> Queue:
    known = {queue.name: queue for queue in _queues()}
    if name not in known:
        raise QueueNotFound(known)
    return known[name]


def _dead_letters(queue: Queue) -> DeadLetters:
    return DeadLetters(queue, client("sqs", answer_within_seconds=10), VISIBILITY_SECONDS)


def _list(
    dead_letters: DeadLetters,
    limit: int,
    cause_of: Callable[[DeadLetter], str],
    redriven: Redriven | None,
    shown: int | None = None,
) -> QueueDeadLettersView:
    count = dead_letters.count()
    found = dead_letters.peek(min(limit, count), quick=True) if count else []
    return QueueDeadLettersView(
        queue=dead_letters.queue.name,
        count=count,
        is_urgent=is_urgent(dead_letters.queue.name),
        can_redrive=bool(dead_letters.queue.url),
        under_way=_under_way(dead_letters, redriven),
        letters=[describe(each, cause_of(each), MAX_BODY_CHARACTERS) for each in found[:shown]],
    )


def _under_way(dead_letters: DeadLetters, redriven: Redriven | None) -> int:
    """Return how many of those redriven lately may still be tried.

    They cannot be told from other messages of their queue, so it is never less than the truth.
    """
    if redriven is None:
        return 0
    if clock.now() - redriven.last_at < COUNTS_ARE_LATE:
        return redriven.messages
    return min(redriven.messages, dead_letters.count_to_handle())


def _causes() -> Callable[[DeadLetter], str]:
    logs: Any = client("logs", attempts=1)
    group, deadline = settings.text("LOG_GROUP_NAME"), Deadline.within(CAUSES_SECONDS)

    def cause_of(dead_letter: DeadLetter) -> str:
        if deadline.is_over:
            return dead_letter.cause
        return logged_cause(logs, group, dead_letter)

    return cause_of


def _kinds(counted: Counter[str]) -> list[KindView]:
    return [KindView(kind=kind, count=count) for kind, count in counted.most_common()]


def _outcome(queue: str, result: DeadLetterResult) -> DeadLetterOutcomeView:
    return DeadLetterOutcomeView(
        queue=queue,
        done=result.done,
        kinds=_kinds(result.kinds),
        failed=[FailureView(message_id=id_, cause=why) for id_, why in result.failed.items()],
        not_found=result.not_found,
        complete=result.is_complete,
    )
