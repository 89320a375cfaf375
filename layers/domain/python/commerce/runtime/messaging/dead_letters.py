"""Dead letters: list, redrive and discard them without losing any.

A dead letter is deleted only after it was sent back or audited. A process that is killed in between
leaves it in both places; consumers are idempotent, so its second delivery changes nothing. Two
operators do not interfere: a received dead letter is invisible to the other one.
"""

import json
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from commerce.runtime.deadline import Deadline
from commerce.shared.clock import parse_rfc3339
from commerce.shared.errors import CommerceError, Kind

BATCH = 10  # SQS' limit per call
BATCH_BYTES = 200_000  # below SQS' limit per call, attributes included
STEP_SECONDS = 0.2  # between looks whether a slow redrive was stopped
LOG_PAGES = 10  # CloudWatch answers with empty pages while it is still searching
REDRIVEN, FIRST_SENT, SENT_BY = "Redriven", "FirstSent", "RedrivenBy"
"""Attributes of a message that was redriven: how often, when it was first sent (epoch, ms), and the
act that sent it last, so that an act of several calls sends no message twice."""
EMPTY_RECEIVES = 3  # SQS samples its servers: one empty answer does not mean an empty queue

MAX_KIND_CHARACTERS = 100
UNREADABLE = "UNREADABLE"
"""The kind of a message from which nothing can be read."""
OTHER = "MESSAGE"
"""The kind of a message that can be read and is no event: a nudge, a schedule's, a mail's fate."""

_COUNTS = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
]

T = TypeVar("T")
Progress = Callable[[int], None]
Record = Callable[["DeadLetter"], None]
"""Audits what is about to happen to a dead letter; if it raises, nothing happens to it."""
Filter = Callable[[Sequence["DeadLetter"]], Sequence["DeadLetter"]]
"""Returns those of some dead letters that are meant."""


class NoSourceQueue(CommerceError):
    """These dead letters have no source queue."""

    kind = Kind.CONFLICT
    code = "LETTERS_HAVE_NO_QUEUE"

    def __init__(self, name: str = "schedule") -> None:
        super().__init__(
            f"The dead letters of {name} never were in a queue. Each names the function that it "
            "was for (TARGET_ARN): invoke it, then discard the dead letter."
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and its dead-letter queue; `url` is empty if there is only the latter."""

    name: str
    url: str
    dead_letters_url: str


@dataclass(frozen=True, eq=False)
class DeadLetter:
    """A received dead letter: invisible to others until it is released or deleted."""

    message: dict[str, Any]

    @property
    def id(self) -> str:
        """SQS' message id, which a message keeps when it becomes a dead letter."""
        return str(self.message["MessageId"])

    @property
    def body(self) -> str:
        """The message as it was sent."""
        return str(self.message["Body"])

    @property
    def sent_at(self) -> datetime:
        """The time at which it was sent, the last time that it was redriven."""
        return _moment(int(self._attributes["SentTimestamp"]))

    @property
    def redriven(self) -> int:
        """The number of times that it was redriven."""
        return self._number(REDRIVEN) or 0

    @property
    def occurred_at(self) -> datetime:
        """The time of its event; of one that cannot be read, when it was first sent."""
        with suppress(ValueError, TypeError):  # another type, or no moment
            return parse_rfc3339(self.envelope.get("occurred_at", ""))
        first = self._number(FIRST_SENT)
        return self.sent_at if first is None else _moment(first)

    @property
    def age_seconds(self) -> int:
        """Seconds since its event."""
        return max(0, round((datetime.now(UTC) - self.occurred_at).total_seconds()))

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """The event in it; empty if it is malformed."""
        try:
            detail = json.loads(self.body)["detail"]
        except (ValueError, KeyError, TypeError):
            return {}
        return detail if isinstance(detail, dict) else {}

    @property
    def kind(self) -> str:
        """The type of its event, else OTHER if it is a JSON object, else UNREADABLE."""
        type_ = self.envelope.get("type")
        if type_ is not None:
            is_name = isinstance(type_, str) and 0 < len(type_) <= MAX_KIND_CHARACTERS
            return type_ if is_name else UNREADABLE
        try:
            content = json.loads(self.body)
        except ValueError:
            return UNREADABLE
        is_object = isinstance(content, dict)
        return OTHER if is_object and isinstance(content.get("detail", {}), dict) else UNREADABLE

    @property
    def order_id(self) -> str:
        """The id of the order that it concerns; empty if there is none."""
        data = self.envelope.get("data")
        return str(data.get("order_id") or "") if isinstance(data, dict) else ""

    @property
    def cause(self) -> str:
        """The bus' reason for not delivering it; empty if a consumer failed."""
        given = self.message.get("MessageAttributes", {})
        return str(given.get("ERROR_MESSAGE", given.get("ERROR_CODE", {})).get("StringValue", ""))

    def matches(self, ids: Collection[str]) -> bool:
        """Tell if one of the ids is its message's, its event's or its order's."""
        return not self.ids.isdisjoint(ids)

    @property
    def ids(self) -> set[str]:
        """The ids of its message, event, order and aggregate."""
        aggregate = str(self.envelope.get("aggregate_id", ""))
        return {self.id, str(self.envelope.get("id", "")), self.order_id, aggregate} - {""}

    @property
    def _attributes(self) -> dict[str, str]:
        attributes: dict[str, str] = self.message["Attributes"]
        return attributes

    @property
    def sent_by(self) -> str:
        """The act that redrove it last; empty for none."""
        given = self.message.get("MessageAttributes", {}).get(SENT_BY, {})
        return str(given.get("StringValue", ""))

    def _number(self, attribute: str) -> int | None:
        given = self.message.get("MessageAttributes", {}).get(attribute, {}).get("StringValue", "")
        return int(given) if given.isascii() and given.isdigit() else None

    def to_entry(self, number: int, sent_by: str = "") -> dict[str, Any]:
        """Return the batch entry that sends the same message again, counted as redriven."""
        known = ("DataType", "StringValue", "BinaryValue")
        attributes = self.message.get("MessageAttributes", {})
        first = self._number(FIRST_SENT) or int(self._attributes["SentTimestamp"])
        entry: dict[str, Any] = {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageAttributes": {
                **{
                    name: {key: value[key] for key in known if key in value}
                    for name, value in attributes.items()
                },
                REDRIVEN: {"DataType": "Number", "StringValue": str(self.redriven + 1)},
                FIRST_SENT: {"DataType": "Number", "StringValue": str(first)},
            },
        }
        if sent_by:
            entry["MessageAttributes"][SENT_BY] = {"DataType": "String", "StringValue": sent_by}
        if trace := self._attributes.get("AWSTraceHeader"):
            header = {"StringValue": trace, "DataType": "String"}
            entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        return entry


@dataclass(slots=True)
class DeadLetterResult:
    """The message ids that were handled or failed (with the cause), and the given ids not found.

    `kinds` counts those that were handled. `is_complete` is False if the time ran out before every
    dead letter was handled.
    """

    done: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    not_found: list[str] = field(default_factory=list)
    is_complete: bool = True

    def add(self, handled: Sequence[DeadLetter]) -> None:
        """Count dead letters as handled."""
        self.done += [each.id for each in handled]
        self.kinds.update(each.kind for each in handled)


class _Choice:
    """The dead letters that an operator means: by ids, by a filter, and of each kind so many.

    Without ids, those of any id; without kinds, any number of every kind.
    """

    def __init__(
        self,
        ids: Collection[str] = (),
        kinds: Mapping[str, int] | None = None,
        skip: Collection[str] = (),
        only: Filter | None = None,
        act: str = "",
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.ids = ids
        self._left = None if kinds is None else Counter(kinds)
        self._skip = skip
        self._only = only
        self._act = act
        self.is_stopped = is_stopped
        self.is_cut = False
        """True once the time ran out while dead letters were received."""

    @property
    def is_used_up(self) -> bool:
        """True once every kind was met as often as it may be."""
        return self._left is not None and not self._left.total()

    def of(self, batch: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Return those of the batch that are meant, and count them."""
        meant = [each for each in batch if self._takes(each)]
        return list(self._only(meant)) if self._only and meant else meant

    def _takes(self, each: DeadLetter) -> bool:
        if each.id in self._skip or (self._act and each.sent_by == self._act):
            return False
        if self.ids and not each.matches(self.ids):
            return False
        if self._left is None:
            return True
        if self._left[each.kind] <= 0:
            return False
        self._left[each.kind] -= 1
        return True


@dataclass(slots=True)
class Pace:
    """The pace of a redrive: so many messages a second, until the time is over.

    No batch is begun after `seconds`, and no message sent once `is_stopped` returns True.
    """

    rate: float | None = None
    seconds: float = math.inf
    is_stopped: Callable[[], bool] = lambda: False


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _nothing(_: object) -> None:
    return


class DeadLetters:
    """The dead letters of one queue.

    What it receives is invisible to others for `visibility_seconds`, which must be longer than its
    caller runs. After a crash the dead letters are visible again when they are over.
    """

    def __init__(self, queue: Queue, sqs: Any, visibility_seconds: int) -> None:
        self.queue = queue
        self._sqs = sqs
        self._visibility_seconds = visibility_seconds

    def require_source(self) -> None:
        """Raise NoSourceQueue unless messages can be sent back."""
        if not self.queue.url:
            raise NoSourceQueue(self.queue.name)

    def count(self) -> int:
        """Return SQS' approximate number of dead letters, invisible ones included."""
        return self._count(self.queue.dead_letters_url)

    def count_to_handle(self) -> int:
        """Return SQS' approximate number of messages that its consumer has not handled yet."""
        return self._count(self.queue.url) if self.queue.url else 0

    def _count(self, url: str) -> int:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(found[name]) for name in _COUNTS)

    def peek(
        self,
        limit: int,
        ids: Collection[str] = (),
        *,
        quick: bool = False,
        seconds: float = math.inf,
    ) -> list[DeadLetter]:
        """Return dead letters without removing them, oldest first.

        Args:
            limit: how many at most.
            ids: of messages, events or orders; empty for any.
            quick: stop after one empty answer of SQS, within a second.
            seconds: none with the ids is looked for later than this.
        """
        found, deadline = list[DeadLetter](), Deadline.within(seconds)
        try:
            with closing(self._receive(_Choice(ids), deadline, quick=quick)) as batches:
                for batch in batches:
                    found += batch
                    if len(found) >= limit and not ids:
                        break
        finally:
            self._release(found)
        return sorted(found, key=lambda each: each.occurred_at)[:limit]

    def search(self, choose: Callable[[Sequence[DeadLetter]], T], seconds: float) -> tuple[T, bool]:
        """Receive the dead letters until the time is over, pass them to `choose`, release them.

        Returns what `choose` does, and whether all were received that are visible.
        """
        found, deadline, choice = list[DeadLetter](), Deadline.within(seconds), _Choice()
        try:
            with closing(self._receive(choice, deadline)) as batches:
                for batch in batches:
                    found += batch
            return choose(found), not choice.is_cut
        finally:
            self._release(found)

    def kinds(self, seconds: float = math.inf) -> Counter[str]:
        """Count the dead letters by their kind; one that somebody else has received is left out.

        Args:
            seconds: none is received later than this, so that some may be left out.
        """
        counted, deadline, found = Counter[str](), Deadline.within(seconds), list[DeadLetter]()
        try:
            with closing(self._receive(_Choice(), deadline)) as batches:
                for batch in batches:
                    found += batch
                    counted.update(each.kind for each in batch)
        finally:
            self._release(found)
        return counted

    def redrive(
        self,
        ids: Collection[str] = (),
        *,
        only: Filter | None = None,
        act: str = "",
        pace: Pace | None = None,
        progress: Progress = _nothing,
        record: Record = _nothing,
        result: DeadLetterResult | None = None,
    ) -> DeadLetterResult:
        """Send dead letters back to their queue. One that fails again meanwhile is not sent twice.

        Raises NoSourceQueue.

        Args:
            ids: of messages, events or orders; empty for all.
            only: the filter that they pass.
            act: the id of an act that goes on in further calls: what it has sent, none sends again.
            pace: how fast and how long; as fast as possible until all are sent if left out.
            progress: called with the number sent so far.
            record: called before each is sent.
            result: where to count, for a caller that wants the counts after a failure, too.
        """
        self.require_source()
        pace, sent = pace or Pace(), set[str]()
        result = DeadLetterResult() if result is None else result
        choice = _Choice(ids, skip=sent, only=only, act=act, is_stopped=pace.is_stopped)
        deadline = Deadline.within(pace.seconds)
        with closing(self._receive(choice, deadline, holds=bool(act))) as batches:
            for batch in self._until_done(batches, choice, deadline, result):
                with self._released_on_failure(batch):
                    waiting = deque(_chunks(batch, pace.rate))
                    while waiting and not pace.is_stopped():
                        chunk = waiting.popleft()
                        for each in chunk:
                            record(each)
                        with _paced(len(chunk), pace):
                            sent |= self._send_and_delete(chunk, result, act)
                        progress(len(result.done))
                    self._release([each for chunk in waiting for each in chunk])
        return result

    def discard(
        self,
        ids: Collection[str],
        record: Record,
        *,
        kinds: Mapping[str, int] | None = None,
        seconds: float = math.inf,
    ) -> DeadLetterResult:
        """Delete dead letters, each after `record`.

        Args:
            ids: of messages, events or orders; empty for all.
            record: called before each is deleted.
            kinds: of each kind at most so many, and none of another; None for no bound.
            seconds: no batch is begun later than this.
        """
        result, deadline = DeadLetterResult(), Deadline.within(seconds)
        choice = _Choice(ids, kinds)
        with closing(self._receive(choice, deadline)) as batches:
            for batch in self._until_done(batches, choice, deadline, result):
                with self._released_on_failure(batch):
                    for each in batch:
                        record(each)
                    self._delete(batch, result)
                    result.add([each for each in batch if each.id not in result.failed])
        return result

    def restore(self, discarded: Sequence[DeadLetter], record: Record) -> DeadLetterResult:
        """Send discarded messages to their queue again, each after `record`.

        One that is sent twice is handled once by its consumer. Raises NoSourceQueue.
        """
        self.require_source()
        result = DeadLetterResult()
        for each in discarded:
            record(each)
            self._sqs.send_message(QueueUrl=self.queue.url, MessageBody=each.body)
            result.add([each])
        return result

    def _until_done(
        self,
        batches: Iterator[list[DeadLetter]],
        choice: _Choice,
        deadline: Deadline,
        result: DeadLetterResult,
    ) -> Iterator[list[DeadLetter]]:
        found, missing = set[str](), set(choice.ids)
        for batch in batches:
            yield batch
            for each in batch:
                found |= each.ids
                missing.discard(each.id)  # others may have the same event or order id
            if choice.is_stopped():  # what was received may not have been sent
                result.is_complete = False
                return
            if choice.is_used_up or (choice.ids and not missing):
                return
            if deadline.is_over:
                choice.is_cut, result.is_complete = True, False
                return
        if choice.is_cut:
            result.is_complete = False
            return
        result.not_found = sorted(set(choice.ids) - found)

    def _receive(
        self, choice: _Choice, deadline: Deadline, *, quick: bool = False, holds: bool = False
    ) -> Generator[list[DeadLetter], None, None]:
        """Receive batches of the chosen dead letters until the deadline, one at least.

        The others stay invisible until the end, so that each is received once. With `holds`, they
        stay so longer where the time is over: the next call looks at what this one has not seen.
        """
        others: list[DeadLetter] = []
        try:
            for batch in self._receive_all(choice, 1 if quick else EMPTY_RECEIVES, deadline):
                matching = choice.of(batch)
                others += [each for each in batch if each not in matching]
                if matching:
                    yield matching
                if choice.is_stopped():
                    choice.is_cut = True
                    return
        finally:
            if not (holds and choice.is_cut):
                self._release(others)

    def _receive_all(
        self, choice: _Choice, empty_receives: int, deadline: Deadline
    ) -> Iterator[list[DeadLetter]]:
        seen: set[str] = set()
        empty = 0
        while empty < empty_receives:
            if seen and deadline.is_over:
                choice.is_cut = True
                return
            answer = self._sqs.receive_message(
                QueueUrl=self.queue.dead_letters_url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self._visibility_seconds,
                WaitTimeSeconds=1 if empty or empty_receives < EMPTY_RECEIVES else 0,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            received = [DeadLetter(message) for message in answer.get("Messages", [])]
            self._release([each for each in received if each.id in seen])
            new = [each for each in received if each.id not in seen]
            seen.update(each.id for each in new)
            empty = 0 if new else empty + 1
            if new:
                yield new

    def _send_and_delete(
        self, chunk: Sequence[DeadLetter], result: DeadLetterResult, act: str
    ) -> set[str]:
        """Return the new message ids; one that fails again meanwhile must not be sent again."""
        answer = self._sqs.send_message_batch(
            QueueUrl=self.queue.url,
            Entries=[each.to_entry(number, act) for number, each in enumerate(chunk)],
        )
        gone = [chunk[int(each["Id"])] for each in answer.get("Successful", [])]
        stay = {chunk[int(each["Id"])]: str(each["Code"]) for each in answer.get("Failed", [])}
        self._release(list(stay))
        result.failed |= {each.id: code for each, code in stay.items()}
        self._delete(gone, result)
        result.add(gone)
        return {str(each["MessageId"]) for each in answer.get("Successful", [])}

    def _delete(self, dead_letters: Sequence[DeadLetter], result: DeadLetterResult) -> None:
        if not dead_letters:
            return
        answer = self._sqs.delete_message_batch(
            QueueUrl=self.queue.dead_letters_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": each.message["ReceiptHandle"]}
                for number, each in enumerate(dead_letters)
            ],
        )
        for each in answer.get("Failed", []):
            result.failed[dead_letters[int(each["Id"])].id] = f"not deleted: {each['Code']}"

    def _release(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Make them visible to others at once."""
        for start in range(0, len(dead_letters), BATCH):
            entries = [
                {
                    "Id": str(number),
                    "ReceiptHandle": each.message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, each in enumerate(dead_letters[start : start + BATCH])
            ]
            self._sqs.change_message_visibility_batch(
                QueueUrl=self.queue.dead_letters_url, Entries=entries
            )

    @contextmanager
    def _released_on_failure(self, dead_letters: Sequence[DeadLetter]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._release(dead_letters)
            raise


def _chunks(dead_letters: Sequence[DeadLetter], rate: float | None) -> Iterator[list[DeadLetter]]:
    """Split them by what one call may carry and one second may send."""
    most = BATCH if rate is None else max(1, min(BATCH, int(rate)))
    chunk: list[DeadLetter] = []
    size = 0
    for each in dead_letters:
        bytes_ = len(each.body.encode())
        if chunk and (len(chunk) == most or size + bytes_ > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += bytes_
    if chunk:
        yield chunk


@contextmanager
def _paced(messages: int, pace: Pace) -> Iterator[None]:
    started = time.monotonic()
    yield
    if pace.rate is None:
        return
    while (left := messages / pace.rate - (time.monotonic() - started)) > 0:
        if pace.is_stopped():
            return
        time.sleep(min(left, STEP_SECONDS))


def logged_cause(logs: Any, group: str, dead_letter: DeadLetter) -> str:
    """Return the cause of a dead letter: the bus' reason, else the last error in the log.

    The error is that of a line which names this message; of a batch that failed together, only
    where the message has none of its own. Empty if the log has none or cannot be read.
    """
    if dead_letter.cause:
        return dead_letter.cause
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            filterPattern=f'"{dead_letter.id}" "exception"',
            startTime=int(dead_letter.sent_at.timestamp() * 1000),
        )
        lines = [
            json.loads(event["message"])
            for page in islice(pages, LOG_PAGES)
            for event in page["events"]
        ]
    except (ClientError, BotoCoreError, LookupError, TypeError, ValueError):
        return ""
    return _cause_in(lines, dead_letter.id)


def _cause_in(lines: Sequence[Mapping[str, Any]], message_id: str) -> str:
    own = [each for each in lines if each.get("message_id") == message_id]
    joint = [each for each in lines if message_id in (each.get("message_ids") or ())]
    for each in (*reversed(own), *reversed(joint)):
        if text := str(each.get("exception", "")).strip():
            return text.splitlines()[-1]
    return ""
