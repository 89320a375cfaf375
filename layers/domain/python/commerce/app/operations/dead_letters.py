"""The dead letters of this deployment, as the console lists, redrives, discards and restores them.

Everything here ends before API Gateway's time-out. A redrive or discard of many dead letters stops
in time, and its answer says whether some were not reached.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import Field

from commerce.app.operations import redrives
from commerce.app.operations.commands import Discard, Redrive, Restore
from commerce.app.operations.discarded import DISCARD, RESTORE, discarded_messages
from commerce.app.operations.errors import QueueNotFound, RedriveNotFound
from commerce.app.operations.harm import by_harm, is_urgent
from commerce.app.operations.kept_events import QUARANTINE, restore_events
from commerce.app.operations.redriven import REDRIVE, Redriven, redriven_lately
from commerce.app.operations.redrives import RedriveRun, RedriveState, Selection, causes_of
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.runtime import audit, settings
from commerce.runtime.audit import Act, Outcome, StaffAct
from commerce.runtime.aws import client
from commerce.runtime.db.current import database
from commerce.runtime.deadline import Deadline
from commerce.runtime.messaging.dead_letters import (
    DeadLetter,
    DeadLetterResult,
    DeadLetters,
    Pace,
    Queue,
    logged_cause,
)
from commerce.runtime.messaging.failing import SUFFIX
from commerce.shared import clock, cursor, trace
from commerce.shared.schemas import Timestamp, View

SAMPLE = 10  # dead letters that are received of each queue to find its oldest
WORK_SECONDS = 15.0  # no batch is begun later; API Gateway waits for 29 s
PART_SECONDS = 5.0  # of a redrive: its operator sees how far it is, and may cancel
SEARCH_SECONDS = 15.0
MAX_GROUPS = 20
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


class RedriveView(DeadLetterOutcomeView):
    """A part of a redrive, and the redrive so far.

    While `complete` is false, POST …/redrive/{redrive_id} sends the next part.
    """

    redrive_id: str
    state: RedriveState
    sent: int = Field(description="By all parts so far")
    failed_count: int = Field(description="By all parts so far")


class GroupView(View):
    """The number of dead letters of one kind and cause."""

    kind: str = KIND
    cause: str = Field(description="Empty where none was noted")
    count: int


class DeadLettersFoundView(View):
    """The dead letters of a kind or cause: how many there are, and some of them, oldest first.

    `groups` has the most frequent kinds and causes of all that were looked at. Dead letters that
    another operator handles at this moment are in `count` and are not looked at.
    """

    queue: str
    count: int = Field(description="Of the queue, about")
    looked_at: int
    matching: int
    is_complete: bool = Field(description="False where the time was over before all were looked at")
    groups: list[GroupView]
    letters: list[DeadLetterView]


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


def search_letters(
    queue: str, *, kind: str | None, cause: str | None, limit: int
) -> DeadLettersFoundView:
    """Find a queue's dead letters of a kind or cause. Raises QueueNotFound."""
    dead_letters = _dead_letters(_queue(queue))
    choose = partial(_found_letters, Selection((), kind, cause), limit)
    found, is_complete = dead_letters.search(choose, SEARCH_SECONDS)
    return DeadLettersFoundView(
        queue=queue, count=dead_letters.count(), is_complete=is_complete, **found
    )


def _found_letters(
    selection: Selection, limit: int, letters: Sequence[DeadLetter]
) -> dict[str, Any]:
    causes, meant = causes_of(letters), (selection.filter or list)(letters)
    groups = Counter((each.kind, causes[each.id]) for each in letters)
    oldest = sorted(meant, key=lambda each: each.occurred_at)[:limit]
    return {
        "looked_at": len(letters),
        "matching": len(meant),
        "groups": [
            GroupView(kind=kind, cause=cause, count=count)
            for (kind, cause), count in groups.most_common(MAX_GROUPS)
        ],
        "letters": [describe(each, causes[each.id], MAX_BODY_CHARACTERS) for each in oldest],
    }


def redrive(queue: str, command: Redrive, *, act: StaffAct) -> RedriveView:
    """Send dead letters back to their queue until they are sent or the time is over, audited.

    Raises QueueNotFound, NoSourceQueue.
    """
    dead_letters = _dead_letters(_queue(queue))
    dead_letters.require_source()
    selection = Selection(command.ids, command.kind, command.cause)
    in_transaction(redrives.begin_redrive, act.id, queue, selection, command.rate, by=act.by)
    run = in_transaction(redrives.find_redrive, act.id)
    assert run is not None  # noqa: S101  (committed above)
    return _send_part_of_redrive(dead_letters, run)


def continue_redrive(queue: str, redrive_id: str, *, by: str) -> RedriveView:
    """Send the next part of a redrive; of one that is over, nothing.

    Raises QueueNotFound, RedriveNotFound.
    """
    dead_letters = _dead_letters(_queue(queue))
    run = _own_redrive(queue, redrive_id, by)
    if run.is_over:
        return _redrive_view(run, DeadLetterResult())
    trace.follow(run.trace_id)  # its messages are those of the act that began
    return _send_part_of_redrive(dead_letters, run)


def cancel_redrive(queue: str, redrive_id: str, *, by: str) -> RedriveView:
    """End a redrive, of which the rest stays dead letters; one that is over stays as it ended.

    Raises RedriveNotFound.
    """
    run = _own_redrive(queue, redrive_id, by)
    if run.is_over:
        return _redrive_view(run, DeadLetterResult())
    return _redrive_after(run, DeadLetterResult(), RedriveState.CANCELLED)


def _own_redrive(queue: str, redrive_id: str, by: str) -> RedriveRun:
    id_ = cursor.parse_id(redrive_id)
    run = None if id_ is None else in_transaction(redrives.find_redrive, id_)
    if run is None or (run.by, run.queue) != (by, queue):
        raise RedriveNotFound
    return run


def _send_part_of_redrive(dead_letters: DeadLetters, run: RedriveRun) -> RedriveView:
    ids = in_transaction(redrives.ids_left, run) if run.selection.ids else ()
    if run.selection.ids and not ids:
        return _redrive_after(run, DeadLetterResult(), RedriveState.DONE)
    result, state = DeadLetterResult(), RedriveState.UNDER_WAY
    try:
        dead_letters.redrive(
            ids,
            only=run.selection.filter,
            act=str(run.id),
            pace=Pace(run.rate, PART_SECONDS),
            record=partial(record_act, run.by, REDRIVE, run.queue),
            result=result,
        )
        state = RedriveState.DONE if result.is_complete else state
    finally:  # what was sent before a failure counts, too
        view = _redrive_after(run, result, state)
    return view


def _redrive_after(run: RedriveRun, result: DeadLetterResult, state: RedriveState) -> RedriveView:
    in_transaction(_advance_redrive, run, result, state)
    now = in_transaction(redrives.find_redrive, run.id)
    return _redrive_view(now or run, result)


def _advance_redrive(
    shop: Shop, run: RedriveRun, result: DeadLetterResult, state: RedriveState
) -> None:
    sent, failed = len(result.done), len(result.failed)
    redrives.advance_redrive(shop, run.id, sent=sent, failed=failed, state=state)
    if state is not RedriveState.UNDER_WAY:
        audit.end_act(shop.uow, StaffAct(run.id, run.by, "", ""), Outcome.DONE)


def _redrive_view(run: RedriveRun, result: DeadLetterResult) -> RedriveView:
    part = _outcome(run.queue, result).model_dump() | {"complete": run.is_over}
    return RedriveView(
        **part, redrive_id=str(run.id), state=run.state, sent=run.sent, failed_count=run.failed
    )


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
    cause_of: Callable[[DeadLetter, str], str],
    redriven: Redriven | None,
    shown: int | None = None,
) -> QueueDeadLettersView:
    count = dead_letters.count()
    found = dead_letters.peek(min(limit, count), quick=True) if count else []
    noted = causes_of(found[:shown])
    return QueueDeadLettersView(
        queue=dead_letters.queue.name,
        count=count,
        is_urgent=is_urgent(dead_letters.queue.name),
        can_redrive=bool(dead_letters.queue.url),
        under_way=_under_way(dead_letters, redriven),
        letters=[
            describe(each, cause_of(each, noted[each.id]), MAX_BODY_CHARACTERS)
            for each in found[:shown]
        ],
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


def _causes() -> Callable[[DeadLetter, str], str]:
    logs: Any = client("logs", attempts=1)
    group, deadline = settings.text("LOG_GROUP_NAME"), Deadline.within(CAUSES_SECONDS)

    def cause_of(dead_letter: DeadLetter, noted: str) -> str:
        if noted or deadline.is_over:
            return noted
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
