"""Dead letters: look at them, send them back, discard them. None is lost on the way.

A letter is deleted only after it was sent, or written to the audit. Killed in between, it is
there twice: consumers claim what they do, so the second time changes nothing. Two operators at
once do not meet: a letter that one has in hand the other does not see.
"""

import json
import math
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from commerce.shared.errors import CommerceError, Kind

BATCH = 10  # SQS' limit per call
BATCH_BYTES = 200_000  # below SQS' limit per call, attributes included
HOLD_SECONDS = 300  # letters in hand are hidden for so long; a killed process gives them back then
SUFFIX = "-dead-letters"  # infra/stacks/queue.yaml
LOG_PAGES = 10  # CloudWatch answers with empty pages while it still looks
EMPTY_LOOKS = 3  # SQS asks some of its servers only: nothing found once is not yet nothing

Progress = Callable[[int], None]
Record = Callable[["DeadLetter"], None]
"""Writes down what is about to happen to a letter; where it raises, nothing happens to it."""


class NoSourceQueue(CommerceError):
    """These dead letters never were in a queue."""

    kind = Kind.CONFLICT
    code = "LETTERS_HAVE_NO_QUEUE"

    def __init__(self, name: str = "schedule") -> None:
        super().__init__(
            f"What is in {name} never was in a queue. Each message names the function (TARGET_ARN) "
            "that it was for: invoke it, then discard the message."
        )


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue with its dead letters. `url` is empty where there is nothing to send them back to."""

    name: str
    url: str
    letters_url: str


@dataclass(frozen=True, eq=False)
class DeadLetter:
    """A dead letter in hand."""

    message: dict[str, Any]

    @property
    def id(self) -> str:
        """SQS' id of the message; it keeps it when it becomes a dead letter."""
        return str(self.message["MessageId"])

    @property
    def body(self) -> str:
        """The message as it was sent."""
        return str(self.message["Body"])

    @property
    def sent_at(self) -> datetime:
        """When it was first sent."""
        return datetime.fromtimestamp(int(self._attributes["SentTimestamp"]) / 1000, UTC)

    @property
    def age_seconds(self) -> int:
        """How long ago that was."""
        return max(0, round((datetime.now(UTC) - self.sent_at).total_seconds()))

    @cached_property
    def envelope(self) -> dict[str, Any]:
        """The event in it; empty where it is malformed."""
        try:
            detail = json.loads(self.body)["detail"]
        except (ValueError, KeyError, TypeError):
            return {}
        return detail if isinstance(detail, dict) else {}

    @property
    def order_id(self) -> str:
        """The order that it is about, if it is about one."""
        data = self.envelope.get("data")
        return str(data.get("order_id", "")) if isinstance(data, dict) else ""

    @property
    def cause(self) -> str:
        """Why the bus could not deliver it; empty for what a consumer failed at."""
        told = self.message.get("MessageAttributes", {})
        return str(told.get("ERROR_MESSAGE", told.get("ERROR_CODE", {})).get("StringValue", ""))

    def is_one_of(self, ids: Collection[str]) -> bool:
        """Whether an id names it: the message's, the event's, or the order's."""
        return not self.names.isdisjoint(ids)

    @property
    def names(self) -> set[str]:
        """All ids that name it."""
        aggregate = str(self.envelope.get("aggregate_id", ""))
        return {self.id, str(self.envelope.get("id", "")), self.order_id, aggregate} - {""}

    @property
    def _attributes(self) -> dict[str, str]:
        attributes: dict[str, str] = self.message["Attributes"]
        return attributes

    def entry(self, number: int) -> dict[str, Any]:
        """The same message, to be sent again."""
        known = ("DataType", "StringValue", "BinaryValue")
        told = self.message.get("MessageAttributes", {})
        entry: dict[str, Any] = {
            "Id": str(number),
            "MessageBody": self.body,
            "MessageAttributes": {
                name: {key: value[key] for key in known if key in value}
                for name, value in told.items()
            },
        }
        if trace := self._attributes.get("AWSTraceHeader"):
            header = {"StringValue": trace, "DataType": "String"}
            entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        return entry


@dataclass(slots=True)
class Done:
    """What was done: ids of messages, and the ids asked for that no letter has.

    `is_complete` is False where the time was over before every letter was looked at.
    """

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    not_found: list[str] = field(default_factory=list)
    is_complete: bool = True


def _nothing(_: object) -> None:
    return


class DeadLetters:
    """The dead letters of one queue.

    `hold_seconds` is how long letters in hand are hidden from others; it must outlast whoever
    holds them.
    """

    def __init__(self, queue: Queue, sqs: Any, hold_seconds: int | None = None) -> None:
        self.queue = queue
        self._sqs = sqs
        self._hold_seconds = HOLD_SECONDS if hold_seconds is None else hold_seconds

    def count(self) -> int:
        """How many there are, those in somebody's hand included; about so many, says SQS."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._sqs.get_queue_attributes(
            QueueUrl=self.queue.letters_url, AttributeNames=names
        )
        return sum(int(found["Attributes"][name]) for name in names)

    def look(
        self, limit: int, ids: Collection[str] = (), *, in_a_hurry: bool = False
    ) -> list[DeadLetter]:
        """The first letters that are found, oldest first, or those named; all stay.

        In a hurry it takes a second at most where there is nothing to be seen.
        """
        found: list[DeadLetter] = []
        try:
            with closing(self._chosen(ids, in_a_hurry=in_a_hurry)) as batches:
                for batch in batches:
                    found += batch
                    if len(found) >= limit and not ids:
                        break
        finally:
            self._release(found)
        return sorted(found, key=lambda each: each.sent_at)[:limit]

    def redrive(
        self,
        ids: Collection[str] = (),
        *,
        rate: float | None = None,
        progress: Progress = _nothing,
        record: Record = _nothing,
        seconds: float = math.inf,
    ) -> Done:
        """Send letters back to their queue: all that are there, or those named.

        What fails again meanwhile stays a dead letter. `rate` is messages per second; no new batch
        is begun after `seconds`. Raises NoSourceQueue.
        """
        if not self.queue.url:
            raise NoSourceQueue(self.queue.name)
        result, sent = Done(), set[str]()
        with closing(self._chosen(ids, skip=sent)) as batches:
            for batch in self._until_done(batches, ids, seconds, result):
                with self._given_back_on_failure(batch):
                    for parcel in _parcels(batch, rate):
                        for letter in parcel:
                            record(letter)
                        with _paced(len(parcel), rate):
                            sent |= self._send_and_delete(parcel, result)
                        progress(len(result.done))
        return result

    def discard(self, ids: Collection[str], record: Record, *, seconds: float = math.inf) -> Done:
        """Delete the letters named (all, where none is), each after it was recorded."""
        result = Done()
        with closing(self._chosen(ids)) as batches:
            for batch in self._until_done(batches, ids, seconds, result):
                with self._given_back_on_failure(batch):
                    for letter in batch:
                        record(letter)
                    self._delete(batch, result)
                    result.done += [each.id for each in batch if each.id not in result.failed]
        return result

    def _until_done(
        self,
        batches: Iterator[list[DeadLetter]],
        ids: Collection[str],
        seconds: float,
        result: Done,
    ) -> Iterator[list[DeadLetter]]:
        """The batches, until the time is over or each id was met; tells the result which."""
        ends_at, names, missing = time.monotonic() + seconds, set[str](), set(ids)
        for batch in batches:
            yield batch
            for letter in batch:
                names |= letter.names
                missing.discard(letter.id)  # an event's or an order's may name another one, too
            if ids and not missing:
                return
            if time.monotonic() > ends_at:
                result.is_complete = False
                return
        result.not_found = sorted(set(ids) - names)

    def _chosen(
        self, ids: Collection[str], skip: Collection[str] = (), *, in_a_hurry: bool = False
    ) -> Generator[list[DeadLetter], None, None]:
        """Batches of the letters that are named (all, where none is), in hand.

        The others are held until the end, so that each is met once, and then given back.
        """
        others: list[DeadLetter] = []
        try:
            for batch in self._walk(1 if in_a_hurry else EMPTY_LOOKS):
                chosen = [
                    each
                    for each in batch
                    if each.id not in skip and (not ids or each.is_one_of(ids))
                ]
                others += [each for each in batch if each not in chosen]
                if chosen:
                    yield chosen
        finally:
            self._release(others)

    def _walk(self, empty_looks: int) -> Iterator[list[DeadLetter]]:
        seen: set[str] = set()
        empty = 0
        while empty < empty_looks:
            answer = self._sqs.receive_message(
                QueueUrl=self.queue.letters_url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self._hold_seconds,
                WaitTimeSeconds=1 if empty or empty_looks < EMPTY_LOOKS else 0,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            )
            letters = [DeadLetter(message) for message in answer.get("Messages", [])]
            again = [each for each in letters if each.id in seen]
            self._release(again)
            new = [each for each in letters if each.id not in seen]
            seen.update(each.id for each in new)
            empty = 0 if new else empty + 1
            if new:
                yield new

    def _send_and_delete(self, parcel: Sequence[DeadLetter], result: Done) -> set[str]:
        """Returns the new messages' ids: should they fail again, they are not ours to send."""
        answer = self._sqs.send_message_batch(
            QueueUrl=self.queue.url,
            Entries=[letter.entry(number) for number, letter in enumerate(parcel)],
        )
        gone = [parcel[int(each["Id"])] for each in answer.get("Successful", [])]
        stay = {parcel[int(each["Id"])]: str(each["Code"]) for each in answer.get("Failed", [])}
        self._release(list(stay))
        result.failed |= {letter.id: code for letter, code in stay.items()}
        self._delete(gone, result)
        result.done += [letter.id for letter in gone]
        return {str(each["MessageId"]) for each in answer.get("Successful", [])}

    def _delete(self, letters: Sequence[DeadLetter], result: Done) -> None:
        if not letters:
            return
        answer = self._sqs.delete_message_batch(
            QueueUrl=self.queue.letters_url,
            Entries=[
                {"Id": str(number), "ReceiptHandle": letter.message["ReceiptHandle"]}
                for number, letter in enumerate(letters)
            ],
        )
        for each in answer.get("Failed", []):
            result.failed[letters[int(each["Id"])].id] = f"not deleted: {each['Code']}"

    def _release(self, letters: Sequence[DeadLetter]) -> None:
        """Let others see these letters again, at once."""
        for start in range(0, len(letters), BATCH):
            entries = [
                {
                    "Id": str(number),
                    "ReceiptHandle": letter.message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, letter in enumerate(letters[start : start + BATCH])
            ]
            self._sqs.change_message_visibility_batch(
                QueueUrl=self.queue.letters_url, Entries=entries
            )

    @contextmanager
    def _given_back_on_failure(self, letters: Sequence[DeadLetter]) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._release(letters)
            raise


def _parcels(letters: Sequence[DeadLetter], rate: float | None) -> Iterator[list[DeadLetter]]:
    """The letters, cut to what one call may carry and one second may send."""
    most = BATCH if rate is None else max(1, min(BATCH, int(rate)))
    parcel: list[DeadLetter] = []
    size = 0
    for letter in letters:
        bytes_ = len(letter.body.encode())
        if parcel and (len(parcel) == most or size + bytes_ > BATCH_BYTES):
            yield parcel
            parcel, size = [], 0
        parcel.append(letter)
        size += bytes_
    if parcel:
        yield parcel


@contextmanager
def _paced(messages: int, rate: float | None) -> Iterator[None]:
    started = time.monotonic()
    yield
    if rate is not None:
        time.sleep(max(0.0, messages / rate - (time.monotonic() - started)))


def logged_cause(logs: Any, group: str, letter: DeadLetter) -> str:
    """What the consumer's log says of its last failure, as far as the log can be asked."""
    event_id = letter.envelope.get("id")
    if letter.cause or not event_id:
        return letter.cause
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            filterPattern=f'"{event_id}" "message failed"',
            startTime=int(letter.sent_at.timestamp() * 1000),
        )
        lines = [
            json.loads(event["message"])
            for page in islice(pages, LOG_PAGES)
            for event in page["events"]
        ]
        causes = [line["exception"] for line in lines if "exception" in line]
        return str(causes[-1]).strip().splitlines()[-1]
    except (ClientError, BotoCoreError, LookupError, TypeError, ValueError):
        return ""
