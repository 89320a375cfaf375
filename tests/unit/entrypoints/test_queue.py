"""Pacing of retries and reading of messages in queue functions."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commerce.entrypoints.messages import adapters_of, pause_seconds
from commerce.entrypoints.queue import batch_handler, event_handler, nudge_handler
from commerce.entrypoints.telemetry import logger
from commerce.like import ProductUnliked
from commerce.shared import trace
from commerce.shared.events import Event, Received
from commerce.shared.money import Money
from tests.support.lambda_calls import bus_message, lambda_context, sqs_event

TWELVE_HOURS = 12 * 60 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted(Event):
    source: ClassVar[str] = "commerce.test"

    wall_id: UUID
    cost: Money


def painted(version: int = 1) -> dict[str, Any]:
    return Painted(
        aggregate_id=uuid4(), aggregate_version=version, wall_id=uuid4(), cost=Money(5)
    ).envelope()


@given(st.integers(1, 600), st.integers(1, 12))
def test_a_pause_doubles_with_at_most_half_of_jitter(base: int, tries: int) -> None:
    pause = base * 2 ** (tries - 1)
    assert min(pause, TWELVE_HOURS) <= pause_seconds(base, tries) <= min(1.5 * pause, TWELVE_HOURS)


def test_pauses_have_jitter() -> None:
    assert len({pause_seconds(60, 1) for _ in range(200)}) > 10


def test_no_pause_is_longer_than_sqs_allows() -> None:
    assert pause_seconds(60, 30) == TWELVE_HOURS
    assert pause_seconds(10**6, 1) == TWELVE_HOURS


def test_without_a_base_there_is_no_pause() -> None:
    assert [pause_seconds(0, tries) for tries in (1, 2, 3)] == [0, 0, 0]


def handle(event: Mapping[str, Any], received: list[Received[Painted]]) -> list[str]:
    answer = event_handler(Painted, received.append)(dict(event), lambda_context())
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]


def test_a_trace_id_that_is_no_text_can_be_logged() -> None:
    received: list[Received[Painted]] = []
    told = bus_message({**painted(), "trace_id": "a\ud800"})
    assert handle(sqs_event(told), received) == []
    assert received[0].trace_id.encode() == b"a?"


def test_an_event_is_received_unchanged() -> None:
    trace.follow("request-1")
    envelope, received = painted(version=3), list[Received[Painted]]()
    assert handle(sqs_event(bus_message(envelope)), received) == []
    [one] = received
    assert (str(one.id), one.trace_id) == (envelope["id"], "request-1")
    assert one.event == Painted(
        aggregate_id=UUID(envelope["aggregate_id"]),
        aggregate_version=3,
        wall_id=UUID(envelope["data"]["wall_id"]),
        cost=Money(5),
    )


def test_a_consumer_keeps_the_first_requests_trace_id() -> None:
    trace.follow("request-1")
    event = sqs_event(bus_message(painted()))
    trace.follow("something else")
    seen: list[str] = []
    handler = event_handler(Painted, lambda _: seen.append(trace.trace_id()))
    handler(event, lambda_context())
    assert seen == ["request-1"]


def test_an_unknown_field_is_ignored() -> None:
    envelope, received = painted(), list[Received[Painted]]()
    envelope["data"]["added_later"] = 1
    envelope["added_later"] = 1
    assert handle(sqs_event(bus_message(envelope)), received) == []
    assert len(received) == 1


def without(name: str) -> dict[str, Any]:
    envelope = painted()
    del envelope[name]
    return envelope


def with_data(**changed: Any) -> dict[str, Any]:
    envelope = painted()
    envelope["data"] = {**envelope["data"], **changed}
    return envelope


MALFORMED: list[Any] = [
    "",
    "no JSON",
    "[]",
    "null",
    "1",
    '"text"',
    "{}",
    {"detail": None},
    {"detail": []},
    {"detail": {}},
    {"detail": json.dumps(painted())},
    {"detail": without("id")},
    {"detail": without("data")},
    {"detail": without("aggregate_id")},
    {"detail": without("aggregate_version")},
    {"detail": without("trace_id")},
    {"detail": {**painted(), "id": "no id"}},
    {"detail": {**painted(), "aggregate_version": "newest"}},
    {"detail": {**painted(), "data": None}},
    {"detail": with_data(wall_id="no id")},
    {"detail": with_data(cost=5)},
    {"detail": with_data(cost={"amount": "much"})},
]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_a_malformed_message_fails_alone(body: Any) -> None:
    received: list[Received[Painted]] = []
    good = bus_message(painted())
    event = sqs_event(good, body, good)
    assert handle(event, received) == [event["Records"][1]["messageId"]]
    assert len(received) == 2


def test_only_failed_messages_are_reported() -> None:
    event = sqs_event(*(bus_message(painted(version)) for version in (1, 2, 3)))

    def fail_the_second(received: Received[Painted]) -> None:
        if received.event.aggregate_version == 2:
            raise ValueError("a fault")

    answer = event_handler(Painted, fail_the_second)(event, lambda_context())
    failed = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
    assert failed == [event["Records"][1]["messageId"]]


def test_a_batch_that_fails_completely_reports_every_message() -> None:
    event = sqs_event("no JSON", "no JSON")
    assert handle(event, []) == [record["messageId"] for record in event["Records"]]


def test_a_batch_keeps_nothing_of_the_previous_one() -> None:
    handler = event_handler(Painted, lambda _: None)
    bad = handler(sqs_event("no JSON"), lambda_context())
    good = handler(sqs_event(bus_message(painted())), lambda_context())
    assert [len(bad["batchItemFailures"]), len(good["batchItemFailures"])] == [1, 0]


def test_many_nudges_are_one_run() -> None:
    looks: list[int] = []
    answer = nudge_handler(lambda: looks.append(1))(sqs_event({}, {}, "no JSON"), lambda_context())
    assert (looks, answer) == ([1], {"batchItemFailures": []})


def test_a_failed_run_returns_every_nudge_and_names_them_in_the_log(
    lines: Callable[[str], list[dict[str, Any]]],
) -> None:
    def fail() -> None:
        raise ValueError("a fault")

    event = sqs_event({}, {})
    answer = nudge_handler(fail)(event, lambda_context())
    [failed] = lines("work failed")
    assert failed["message_ids"] == [each["messageId"] for each in event["Records"]]
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in event["Records"]]
    }


Line = dict[str, Any]


@pytest.fixture
def lines(logged: Callable[[], list[Line]]) -> Callable[[str], list[Line]]:
    """The log lines with this message, and all of them where it is empty."""
    return lambda message: [each for each in logged() if message in ("", each["message"])]


@pytest.fixture
def logged() -> Iterator[Callable[[], list[Line]]]:
    """Return a function that reads the log lines written since the test began."""
    written = io.StringIO()
    [handler] = logger.handlers
    stream = handler.setStream(written)  # type: ignore[attr-defined]
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(stream)  # type: ignore[attr-defined]


def told_by(request: str) -> dict[str, Any]:
    trace.follow(request)
    return bus_message(painted())


def ids_of(line: Line) -> list[Any]:
    return [line.get(name) for name in ("message_id", "correlation_id", "event_id")]


def ids_in(record: dict[str, Any]) -> list[Any]:
    envelope = json.loads(record["body"])["detail"]
    return [record["messageId"], envelope["trace_id"], envelope["id"]]


@pytest.mark.parametrize("body", MALFORMED, ids=range(len(MALFORMED)))
def test_the_lines_of_a_malformed_message_carry_no_others_ids(
    body: Any, lines: Callable[[str], list[Line]]
) -> None:
    event = sqs_event(told_by("request-1"), body)
    handle(event, [])
    assert [ids_of(each) for each in lines("message failed")] == [
        [event["Records"][1]["messageId"], None, None]
    ]
    assert [ids_of(each) for each in lines("batch done")] == [[None] * 3]
    assert trace.trace_id() == ""


def test_each_messages_lines_carry_its_own_ids_when_others_fail(
    lines: Callable[[str], list[Line]],
) -> None:
    event = sqs_event(told_by("request-1"), told_by("request-2"), told_by("request-3"))
    seen: list[Received[Painted]] = []

    def consume(received: Received[Painted]) -> None:
        seen.append(received)
        logger.append_keys(wall_id=str(received.event.wall_id))
        logger.info("painting")
        if len(seen) == 2:
            raise ValueError("wet")

    event_handler(Painted, consume)(event, lambda_context())
    expected = [ids_in(each) for each in event["Records"]]
    assert [ids_of(each) for each in lines("painting")] == expected
    assert [ids_of(each) for each in lines("message failed")] == expected[1:2]
    [done] = lines("batch done")
    assert (ids_of(done), "wall_id" in done) == ([None] * 3, False)


def test_another_invocation_starts_without_ids(lines: Callable[[str], list[Line]]) -> None:
    trace.follow("request-1")
    traces: list[str] = []
    nudge_handler(lambda: traces.append(trace.trace_id()))(sqs_event({}), lambda_context())
    assert traces == [""]
    assert [ids_of(each) for each in lines("done")] == [[None] * 3]


def test_a_joint_batchs_lines_carry_ids_of_single_messages_only(
    lines: Callable[[str], list[Line]],
) -> None:
    event = sqs_event(told_by("request-1"), "no JSON", told_by("request-2"))
    traces: list[str] = []

    def consume(received: Sequence[Received[Any]]) -> None:
        traces.append(trace.trace_id())
        logger.info("painting")
        if received[-1].trace_id == "request-2":
            raise ValueError("wet")

    batch_handler([Painted], consume)(event, lambda_context())
    of_one, unreadable, of_two = event["Records"]
    assert traces == ["", "request-1", "request-2"]
    assert [ids_of(each)[1:] for each in lines("painting")] == [
        [None, None],
        ids_in(of_one)[1:],
        ids_in(of_two)[1:],
    ]
    assert [ids_of(each) for each in lines("message cannot be read")] == [
        [unreadable["messageId"], None, None]
    ]
    assert [ids_of(each) for each in lines("messages failed")] == [
        [None, None, None],
        ids_in(of_two),
    ]
    assert [ids_of(each) for each in lines("event consumed")] == [ids_in(of_one)]
    assert [ids_of(each) for each in lines("batch done")] == [[None] * 3]


@pytest.mark.parametrize(
    "occurred_at",
    ["20261201T000000Z", "2026-W49-1T00:00:00Z", "2026-12-01T00:00:00", 1_790_000],
)
def test_an_event_whose_time_is_not_rfc_3339_is_not_consumed(occurred_at: object) -> None:
    received: list[Received[Painted]] = []
    event = sqs_event(bus_message({**painted(), "occurred_at": occurred_at}))

    assert handle(event, received) == [event["Records"][0]["messageId"]]
    assert received == []


@pytest.mark.parametrize("liked_at", ["20261201T000000Z", "2026-12-01", "1790000000", 1])
def test_a_time_in_an_event_is_exactly_rfc_3339(liked_at: object) -> None:
    ids = dict.fromkeys(("aggregate_id", "user_id", "product_id"), str(uuid4()))
    event = {**ids, "aggregate_version": 2, "liked_at": "2026-12-01T00:00:00.000000Z"}
    adapter = adapters_of([ProductUnliked])["ProductUnliked"]

    assert adapter.validate_json(json.dumps(event), strict=True).liked_at is not None
    with pytest.raises(ValidationError):
        adapter.validate_json(json.dumps({**event, "liked_at": liked_at}), strict=True)
