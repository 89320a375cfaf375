"""The dead letters of this deployment, as the console shows them and deals with them.

Everything here ends within the time that API Gateway waits: what is done to many letters at once
is done for some seconds, and who asked is told whether there is more to do.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from commerce.app.operations.audit import record_act
from commerce.app.operations.commands import Discard, Redrive
from commerce.app.operations.errors import QueueNotFound
from commerce.runtime import settings
from commerce.runtime.audit import Act
from commerce.runtime.aws import client
from commerce.runtime.messaging.dead_letters import (
    SUFFIX,
    DeadLetter,
    DeadLetters,
    Done,
    Queue,
    logged_cause,
)
from commerce.shared.schemas import Timestamp, View

SAMPLE = 10  # letters that the list of queues looks at for the oldest
WORK_SECONDS = 15.0  # no batch is begun later; the gateway waits for 29 s
HOLD_SECONDS = 60  # longer than the functions may run; one that was killed gives letters back then
CAUSES_SECONDS = 4.0  # the log is asked for no longer: it is slow where it is large
MAX_BODY_CHARACTERS = 50_000  # of a message that is shown: an answer has 6 MB at most


class DeadLetterView(View):
    """A dead letter. What cannot be read from its message is empty."""

    message_id: str
    sent_at: Timestamp
    age_seconds: int
    type: str
    event_id: str
    order_id: str
    trace_id: str
    cause: str
    body: str
    body_is_cut: bool


class QueueDeadLettersView(View):
    """A queue with its dead letters: about how many there are, and some of them, oldest first.

    `can_redrive` is false where they never were in a queue. Letters that somebody holds for the
    moment are counted and not shown.
    """

    queue: str
    count: int
    can_redrive: bool
    letters: list[DeadLetterView]


class QueuesView(View):
    """Every queue that has a dead-letter queue, those with dead letters first."""

    queues: list[QueueDeadLettersView]


class FailureView(View):
    """A letter that stays where it is, and why."""

    message_id: str
    cause: str


class DeadLetterOutcomeView(View):
    """What was done: the ids of the letters that are gone, and what became of the others.

    `complete` is false where the time was over before all were looked at: ask again.
    """

    queue: str
    done: list[str]
    failed: list[FailureView]
    not_found: list[str]
    complete: bool


def queues() -> QueuesView:
    """Every queue, each with the oldest letter that a look finds, and its cause."""
    cause = _causes()
    shown = [_shown(_letters(queue), SAMPLE, cause, shown=1) for queue in _queues()]
    return QueuesView(queues=sorted(shown, key=lambda each: (each.count == 0, each.queue)))


def dead_letters_of(queue: str, limit: int) -> QueueDeadLettersView:
    """The letters of one queue, with what the log says of their causes. Raises QueueNotFound."""
    return _shown(_letters(_queue(queue)), limit, _causes())


def redrive(queue: str, command: Redrive, *, by: str) -> DeadLetterOutcomeView:
    """Send letters back to their queue. Raises QueueNotFound, NoSourceQueue."""
    letters = _letters(_queue(queue))
    done = letters.redrive(
        command.ids,
        record=lambda letter: _keep(by, "dlq redrive", queue, letter, ""),
        seconds=WORK_SECONDS,
    )
    return _outcome(queue, done)


def discard(queue: str, command: Discard, *, by: str) -> DeadLetterOutcomeView:
    """Delete letters, each written down first. Raises QueueNotFound."""
    letters = _letters(_queue(queue))
    done = letters.discard(
        command.ids,
        lambda letter: _keep(by, "dlq discard", queue, letter, command.reason),
        seconds=WORK_SECONDS,
    )
    return _outcome(queue, done)


def _queues() -> Iterator[Queue]:
    """Named by the template; where one queue of an account is, all of them are."""
    place, _, relay = settings.text("RELAY_QUEUE_URL").rpartition("/")
    stack = relay.removesuffix("outbox-nudge")
    for name in settings.text("QUEUES").split(","):
        url = f"{place}/{stack}{name}"
        yield Queue(name, url, f"{url}{SUFFIX}")
    for name in settings.text("DEAD_LETTER_ONLY_QUEUES").split(","):
        yield Queue(name, "", f"{place}/{stack}{name}{SUFFIX}")


def _queue(name: str) -> Queue:
    known = {queue.name: queue for queue in _queues()}
    if name not in known:
        raise QueueNotFound(known)
    return known[name]


def _letters(queue: Queue) -> DeadLetters:
    return DeadLetters(queue, client("sqs", answer_within_seconds=10), HOLD_SECONDS)


def _shown(
    letters: DeadLetters, limit: int, cause: Callable[[DeadLetter], str], shown: int | None = None
) -> QueueDeadLettersView:
    count = letters.count()
    found = letters.look(min(limit, count), in_a_hurry=True) if count else []
    return QueueDeadLettersView(
        queue=letters.queue.name,
        count=count,
        can_redrive=bool(letters.queue.url),
        letters=[_letter(each, cause(each)) for each in found[:shown]],
    )


def _letter(letter: DeadLetter, cause: str) -> DeadLetterView:
    told = letter.envelope
    return DeadLetterView(
        message_id=letter.id,
        sent_at=letter.sent_at,
        age_seconds=letter.age_seconds,
        type=str(told.get("type", "")),
        event_id=str(told.get("id", "")),
        order_id=letter.order_id,
        trace_id=str(told.get("trace_id", "")),
        cause=cause,
        body=letter.body[:MAX_BODY_CHARACTERS],
        body_is_cut=len(letter.body) > MAX_BODY_CHARACTERS,
    )


def _causes() -> Callable[[DeadLetter], str]:
    """What the bus or the log says of a letter, until the time for asking is over."""
    logs: Any = client("logs", attempts=1)
    group, ends_at = settings.text("LOG_GROUP_NAME"), time.monotonic() + CAUSES_SECONDS

    def cause(letter: DeadLetter) -> str:
        if time.monotonic() > ends_at:
            return letter.cause
        return logged_cause(logs, group, letter)

    return cause


def _keep(by: str, action: str, queue: str, letter: DeadLetter, reason: str) -> None:
    record_act(Act(by, action, queue, letter.id, letter.body, reason))


def _outcome(queue: str, done: Done) -> DeadLetterOutcomeView:
    return DeadLetterOutcomeView(
        queue=queue,
        done=done.done,
        failed=[FailureView(message_id=id_, cause=why) for id_, why in done.failed.items()],
        not_found=done.not_found,
        complete=done.is_complete,
    )
