"""The relay: every event reaches the bus, in its aggregate's order, and once unless it fails."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from commerce.runtime.db import statements
from commerce.runtime.db.connection import COMMIT, Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.runtime.messaging import relay as relay_module
from commerce.runtime.messaging.bus import (
    MAX_BYTES,
    TOO_LARGE,
    Envelope,
    EventBridgeBus,
    is_too_large,
)
from commerce.runtime.messaging.quarantine import find, requeue
from commerce.runtime.messaging.relay import CHUNK, REFUSALS, Relay, Relayed
from commerce.shared import clock, trace
from commerce.shared.events import Event
from infra.local.ports import LOOPBACK, Ports
from tests.support.bus import ObservedBus, an_observed_bus
from tests.support.lambda_calls import call, function, lambda_context, sqs_event
from tests.support.other_connection import an_observer, held_by_another, wait_until
from tests.support.shop import a_buyer, a_key, a_product, rows

pytestmark = pytest.mark.usefixtures("own_shop")

BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"


@dataclass(frozen=True, slots=True, kw_only=True)
class SomethingHappened(Event):
    source: ClassVar[str] = "commerce.test"

    text: str = ""


@dataclass(slots=True)
class FakeBus:
    """Takes what `refuses` does not refuse, and remembers it."""

    refuses: Callable[[Envelope], str | None] = lambda _: None
    calls: list[list[Envelope]] = field(default_factory=list)
    taken: list[Envelope] = field(default_factory=list)

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        self.calls.append(list(envelopes))
        answers = [self.refuses(each) for each in envelopes]
        self.taken += [
            each for each, answer in zip(envelopes, answers, strict=True) if answer is None
        ]
        return answers

    @property
    def published(self) -> list[tuple[str, int]]:
        """(aggregate, version) of the events that were taken, in order."""
        return [(each["aggregate_id"], each["aggregate_version"]) for each in self.taken]


class BrokenBus:
    """Cannot be reached."""

    def __init__(self) -> None:
        self.calls = 0

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        self.calls += 1
        raise ConnectionError("no route to the bus")


def record(*events: Event) -> None:
    with UnitOfWork(database()) as uow:
        for event in events:
            uow.record(event)
        uow.commit()


def happened(aggregate_id: UUID | None = None, version: int = 1, text: str = "") -> Event:
    return SomethingHappened(
        aggregate_id=aggregate_id or clock.new_id(), aggregate_version=version, text=text
    )


def waiting() -> int:
    return int(rows("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")[0].n)


def run(bus: FakeBus | BrokenBus, **limits: Any) -> Relayed:
    return Relay(database(), bus).run(**limits)


def test_every_event_is_published_once_and_in_order() -> None:
    trace.follow("request-1")
    ids = [clock.new_id() for _ in range(7)]
    for version in (1, 2, 3):
        record(*(happened(id_, version, "\N{ANCHOR}") for id_ in ids))
    bus = FakeBus()
    assert run(bus) == Relayed(published=21, refused=0)
    assert bus.published == [(str(id_), version) for version in (1, 2, 3) for id_ in ids]
    assert [len(batch) for batch in bus.calls] == [10, 10, 1]
    first = bus.taken[0]
    assert first == {
        "id": first["id"],
        "source": "commerce.test",
        "type": "SomethingHappened",
        "occurred_at": first["occurred_at"],
        "aggregate_id": str(ids[0]),
        "aggregate_version": 1,
        "trace_id": "request-1",
        "data": {"text": "\N{ANCHOR}"},
    }
    assert waiting() == 0
    assert run(bus) == Relayed(published=0, refused=0)
    assert len(bus.taken) == 21


def test_an_empty_outbox_makes_no_call_to_the_bus() -> None:
    bus = FakeBus()
    assert run(bus) == Relayed()
    assert bus.calls == []


def test_many_events_are_published_chunk_by_chunk() -> None:
    events = [happened() for _ in range(2 * CHUNK + 1)]
    record(*events)
    bus = FakeBus()
    assert run(bus, max_chunks=1) == Relayed(published=CHUNK)
    assert waiting() == CHUNK + 1
    assert run(bus) == Relayed(published=CHUNK + 1)
    assert bus.published == [(str(event.aggregate_id), 1) for event in events]


def test_a_late_commit_is_not_skipped(own_shop: str) -> None:
    late, early, bus = happened(), happened(), FakeBus()
    envelope = late.envelope()
    with held_by_another(
        own_shop,
        "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,"
        " trace_id, data) VALUES ($1, 'commerce.test', 'SomethingHappened', now(), $2, 1, '', '{}')"
        " RETURNING position",
        envelope["id"],
        late.aggregate_id,
    ) as somebody:
        record(early)  # a later position, committed first
        assert run(bus) == Relayed(published=1)
        assert bus.published == [(str(early.aggregate_id), 1)]
        somebody.run([COMMIT])
    assert run(bus) == Relayed(published=1)
    assert bus.published[1:] == [(str(late.aggregate_id), 1)]
    positions = rows("SELECT aggregate_id FROM outbox ORDER BY position")
    assert [row.aggregate_id for row in positions] == [late.aggregate_id, early.aggregate_id]


def test_a_rolled_back_event_is_not_published(own_shop: str) -> None:
    with UnitOfWork(database()) as uow:
        uow.lock(Query("SELECT 1"))
        uow.record(happened())
    bus = FakeBus()
    assert run(bus) == Relayed()


def test_an_aggregates_later_events_wait_for_the_refused_one() -> None:
    one, others = clock.new_id(), [clock.new_id() for _ in range(9)]
    for version in (1, 2, 3, 4):  # each version of all is a call of its own
        record(happened(one, version), *(happened(other, version) for other in others))
    bus = FakeBus(lambda each: "ThrottlingException" if is_of(each, one, 2) else None)

    assert run(bus) == Relayed(published=1 + 4 * 9, refused=3)

    assert [version for id_, version in bus.published if id_ == str(one)] == [1]
    assert all(bus.published.count((str(other), 4)) == 1 for other in others)
    bus.refuses = lambda _: None
    assert run(bus) == Relayed(published=3)
    assert [version for id_, version in bus.published if id_ == str(one)] == [1, 2, 3, 4]


def test_only_events_of_the_same_call_can_overtake_a_refused_one() -> None:
    """They were in the bus' hands together; their versions tell consumers what is newer."""
    one = clock.new_id()
    record(*(happened(one, version) for version in (1, 2, 3)))
    bus = FakeBus(lambda each: "ThrottlingException" if is_of(each, one, 2) else None)
    run(bus)
    bus.refuses = lambda _: None
    run(bus)
    assert [version for _, version in bus.published] == [1, 3, 2]


def is_of(envelope: Envelope, aggregate_id: UUID, version: int) -> bool:
    return (envelope["aggregate_id"], envelope["aggregate_version"]) == (
        str(aggregate_id),
        version,
    )


def test_a_refused_event_is_retried_by_the_next_run() -> None:
    id_, refusals = clock.new_id(), ["InternalFailure", "ThrottlingException"]
    record(happened(id_, 1), happened())
    bus = FakeBus(lambda each: refusals.pop() if refusals and is_of(each, id_, 1) else None)
    assert run(bus) == Relayed(published=1, refused=1)
    assert run(bus) == Relayed(published=0, refused=1)
    assert waiting() == 1
    assert run(bus) == Relayed(published=1)
    assert waiting() == 0
    assert len({each["id"] for each in bus.taken}) == len(bus.taken) == 2


def test_a_failing_bus_is_called_once_and_no_event_is_lost() -> None:
    events = [happened() for _ in range(25)]
    record(*events)
    down = BrokenBus()
    assert run(down) == Relayed(published=0, refused=25)
    assert (down.calls, waiting()) == (1, 25)
    bus = FakeBus()
    assert run(bus) == Relayed(published=25)
    assert bus.published == [(str(event.aggregate_id), 1) for event in events]


def test_events_taken_before_a_bus_failure_stay_published() -> None:
    record(*(happened() for _ in range(25)))

    @dataclass
    class GoesDown(FakeBus):
        def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
            if len(self.calls) == 1:
                raise ConnectionError("no route to the bus")
            return FakeBus.put(self, envelopes)

    bus = GoesDown()
    assert run(bus) == Relayed(published=10, refused=15)
    assert waiting() == 15
    bus.calls.clear()
    assert run(bus, max_chunks=1).published == 10
    assert len({each["id"] for each in bus.taken}) == len(bus.taken) == 20


@pytest.mark.parametrize("refusal", ["ThrottlingException", "InternalFailure"])
def test_one_throttled_event_ends_the_run_after_its_chunk(refusal: str) -> None:
    record(*(happened() for _ in range(CHUNK + 50)))
    throttled_once: list[Envelope] = []

    def refuses(envelope: Envelope) -> str | None:
        if throttled_once:
            return None
        throttled_once.append(envelope)
        return refusal

    bus = FakeBus(refuses)
    assert run(bus) == Relayed(published=CHUNK - 1, refused=1)
    assert waiting() == 51
    assert run(bus) == Relayed(published=51)


class SlowBus(FakeBus):
    """Waits, in its first call, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_go = threading.Event(), threading.Event()

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        self.is_asked.set()
        assert self.may_go.wait(60)
        return super().put(envelopes)


def relay_elsewhere(url: str, bus: FakeBus) -> Relayed:
    elsewhere = Database(lambda: url)
    try:
        return Relay(elsewhere, bus).run()
    finally:
        elsewhere.close()


def test_two_relays_at_once_publish_every_event_once_and_in_order(own_shop: str) -> None:
    id_ = clock.new_id()
    record(*(happened(id_, version) for version in range(1, CHUNK + 51)))
    slow, other = SlowBus(), FakeBus()
    name = own_shop.rsplit("/", 1)[1]
    with ThreadPoolExecutor(max_workers=2) as threads, an_observer(own_shop) as look:
        first = threads.submit(relay_elsewhere, own_shop, slow)
        assert slow.is_asked.wait(60)
        second = threads.submit(relay_elsewhere, own_shop, other)
        wait_until(lambda: look(BLOCKED, name) or second.done())
        assert other.published == []  # the first one's events are older
        slow.may_go.set()
        done = [first.result(), second.result()]
    assert sum(each.published for each in done) == CHUNK + 50
    versions = [version for bus in (slow, other) for _, version in bus.published]
    assert sorted(versions) == list(range(1, CHUNK + 51))
    assert [version for _, version in slow.published] == sorted(
        version for _, version in slow.published
    )
    assert waiting() == 0


def test_many_relays_at_once_publish_every_event_once(own_shop: str) -> None:
    events = [happened() for _ in range(3 * CHUNK)]
    record(*events)
    buses = [FakeBus() for _ in range(4)]
    with ThreadPoolExecutor(max_workers=4) as threads:
        for running in [threads.submit(relay_elsewhere, own_shop, bus) for bus in buses]:
            running.result()
    told = [each for bus in buses for each in bus.published]
    assert sorted(told) == sorted((str(event.aggregate_id), 1) for event in events)
    assert waiting() == 0


class DelayedBus(FakeBus):
    """Takes its time for each call."""

    delay_seconds = 0.05

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        time.sleep(self.delay_seconds)
        return super().put(envelopes)


@pytest.fixture
def impatient_shop(own_shop: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database that ends a transaction which is idle for less than a chunk takes to put."""
    name = own_shop.rpartition("/")[2]
    setting = "idle_in_transaction_session_timeout = '600ms'"
    rows(f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET {setting}")
    database().close()
    monkeypatch.setattr(relay_module, "PUT_SECONDS", 0.1)
    return own_shop


def test_a_slow_bus_gets_every_event_once(impatient_shop: str) -> None:
    ids = [clock.new_id() for _ in range(20)]
    record(*(happened(id_, version) for version in range(1, 11) for id_ in ids))
    bus = DelayedBus()
    assert run(bus) == Relayed(published=CHUNK)
    assert bus.published == [(str(id_), version) for version in range(1, 11) for id_ in ids]
    assert waiting() == 0
    assert run(bus) == Relayed()


def test_relays_at_once_give_a_slow_bus_every_event_once(impatient_shop: str) -> None:
    id_ = clock.new_id()
    record(*(happened(id_, version) for version in range(1, CHUNK + 1)))
    buses = [DelayedBus() for _ in range(3)]
    with ThreadPoolExecutor(max_workers=3) as threads:
        done = [threads.submit(relay_elsewhere, impatient_shop, bus) for bus in buses]
        assert sum(each.result().published for each in done) == CHUNK
    versions = [version for bus in buses for _, version in bus.published]
    assert sorted(versions) == list(range(1, CHUNK + 1))
    for bus in buses:
        assert bus.published == sorted(bus.published, key=lambda each: each[1])
    assert waiting() == 0


def test_a_slow_bus_that_refuses_some_events_gets_the_others_once(impatient_shop: str) -> None:
    refused, other = clock.new_id(), clock.new_id()
    record(*(happened(id_, version) for version in range(1, 51) for id_ in (refused, other)))
    bus = DelayedBus(refuses=lambda each: "X" if is_of(each, refused, 1) else None)
    overtook = [(str(refused), version) for version in range(2, 6)]  # in the first's own call
    assert run(bus) == Relayed(published=54, refused=46)
    assert sorted(bus.published) == sorted(
        [*overtook, *((str(other), version) for version in range(1, 51))]
    )
    assert waiting() == 46


def test_a_slow_bus_does_not_hide_an_event_that_is_too_large(impatient_shop: str) -> None:
    record(*(happened() for _ in range(60)), happened(text="x" * MAX_BYTES), happened())
    bus = DelayedBus()
    assert run(bus) == Relayed(published=61, quarantined=1)
    assert (len(bus.taken), waiting()) == (61, 0)


def test_the_oldest_event_gives_the_outbox_lag() -> None:
    relay = Relay(database(), FakeBus())
    assert (relay.waiting().count, relay.waiting().age_seconds(clock.now())) == (0, 0.0)
    record(happened(), happened())
    database().run(
        [Query("UPDATE outbox SET occurred_at = now() - interval '90 s' WHERE position = 1")]
    )
    found = relay.waiting()
    assert found.count == 2
    assert found.oldest is not None
    assert found.age_seconds(found.oldest) == 0.0
    assert found.age_seconds(clock.now()) >= 90
    relay.run()
    assert relay.waiting().count == 0


@pytest.fixture
def listened(monkeypatch: pytest.MonkeyPatch) -> ObservedBus:
    bus = an_observed_bus()
    monkeypatch.setenv("EVENT_BUS_NAME", bus.name)
    return bus


@pytest.fixture
def aws_is_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Nobody answers for AWS, until told otherwise."""
    from commerce.runtime.aws import client  # imported when the environment is set

    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", f"http://{LOOPBACK}:{Ports.free().emulator}")
        client.cache_clear()

        def come_back() -> None:
            away.undo()
            client.cache_clear()

        yield come_back
    client.cache_clear()


def order_something() -> str:
    body = {
        "lines": [{"product_id": a_product(stock=1, price=0), "quantity": 1}],
        "payment_method": "POINT",
    }
    token = a_buyer().token
    answer = call("order/place_order", "POST", "/orders", body=body, token=token, key=a_key())
    assert answer.status == 201
    return str(answer.json["order_id"])


def every_minute() -> Any:
    return function("outbox/every_minute_relay")({"id": "tick"}, lambda_context())


def test_an_orders_events_reach_the_bus(listened: ObservedBus) -> None:
    order_id = order_something()
    event = sqs_event({"trace_id": "t"}, {"trace_id": "t"})
    answer = function("outbox/on_events_recorded")(event, lambda_context())
    assert answer == {"batchItemFailures": []}
    heard = listened.received()
    ordered = [each["type"] for each in heard if each["aggregate_id"] == order_id]
    assert ordered == ["OrderPlaced", "OrderConfirmed"]
    assert {"StockChanged", "StockSoldOut"} <= {each["type"] for each in heard}
    assert waiting() == 0


def test_the_schedule_publishes_events_of_a_lost_nudge(listened: ObservedBus) -> None:
    order_something()
    left = waiting()
    assert every_minute() == {"published": left, "refused": 0, "waiting": 0, "quarantined": 0}
    assert len(listened.received()) == left
    assert every_minute() == {"published": 0, "refused": 0, "waiting": 0, "quarantined": 0}


def test_an_order_placed_while_aws_is_down_is_published_later(
    listened: ObservedBus, idempotency_store_is_down: None, aws_is_away: Callable[[], None]
) -> None:
    order_id = order_something()
    left = waiting()
    assert every_minute() == {"published": 0, "refused": left, "waiting": left, "quarantined": 0}
    aws_is_away()
    assert every_minute() == {"published": left, "refused": 0, "waiting": 0, "quarantined": 0}
    assert order_id in {each["aggregate_id"] for each in listened.received()}


def gauges(written: str) -> dict[str, list[float]]:
    lines = [json.loads(line) for line in written.splitlines() if "CloudWatchMetrics" in line]
    return {name: line[name] for line in lines for name in line if name.startswith("Outbox")}


def test_the_gauge_has_the_number_and_age_of_waiting_events(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    record(happened())
    database().run([Query("UPDATE outbox SET occurred_at = now() - interval '90 s'")])
    monkeypatch.setenv("EVENT_BUS_NAME", "no-such-bus")
    every_minute()
    found = gauges(capsys.readouterr().out)
    assert found["OutboxWaiting"] == [1.0]
    assert found["OutboxOldestAgeSeconds"][0] >= 90


def test_the_gauge_is_set_while_another_relay_is_at_work(
    own_shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record(happened())
    with held_by_another(own_shop, "SELECT pg_advisory_xact_lock($1)", relay_module._ONE_RELAY):
        every_minute()
    assert gauges(capsys.readouterr().out)["OutboxWaiting"] == [1.0]


def test_a_nudge_while_another_relay_is_at_work_is_no_failure(own_shop: str) -> None:
    record(happened())
    with held_by_another(own_shop, "SELECT pg_advisory_xact_lock($1)", relay_module._ONE_RELAY):
        answer = function("outbox/on_events_recorded")(sqs_event({}), lambda_context())
    assert answer == {"batchItemFailures": []}


def quarantined() -> list[tuple[UUID, str]]:
    return [(each.aggregate_id, each.cause) for each in find(database())]


def test_an_event_too_large_for_the_bus_is_quarantined() -> None:
    one, other = clock.new_id(), happened()
    record(happened(one, 1, "x" * MAX_BYTES), other, happened(one, 2))
    bus = FakeBus()
    assert run(bus) == Relayed(published=2, refused=0, quarantined=1)
    assert bus.published == [(str(other.aggregate_id), 1), (str(one), 2)]
    assert quarantined() == [(one, TOO_LARGE)]
    assert (waiting(), run(bus)) == (0, Relayed())


def test_an_event_of_exactly_the_maximum_size_is_published() -> None:
    record(happened(text="\N{ANCHOR}" * 43_500))  # six bytes each, once it is JSON
    bus = FakeBus()
    assert run(bus) == Relayed(published=1)
    assert not is_too_large(bus.taken[0])


def test_an_invalid_event_is_quarantined_and_its_aggregate_continues() -> None:
    poison = clock.new_id()
    record(happened(poison, 1))
    record(*(happened() for _ in range(9)), happened(poison, 3))
    bus = FakeBus(lambda each: "MalformedDetail" if is_of(each, poison, 1) else None)
    assert run(bus) == Relayed(published=9, refused=2)
    for tries in range(2, REFUSALS):
        record(happened())
        assert run(bus).quarantined == 0
        assert rows("SELECT max(refusals) AS n FROM outbox")[0].n == tries
    assert quarantined() == []
    record(happened())
    assert run(bus) == Relayed(published=1, quarantined=1)
    assert quarantined() == [(poison, "MalformedDetail")]
    assert bus.published.count((str(poison), 3)) == 1
    assert (waiting(), run(bus)) == (0, Relayed())


def test_a_bus_that_takes_nothing_quarantines_nothing() -> None:
    record(*(happened() for _ in range(3)))
    bus = FakeBus(lambda _: "InvalidArgument")
    for _ in range(2 * REFUSALS):
        assert run(bus) == Relayed(refused=3)
    assert (waiting(), quarantined()) == (3, [])
    bus.refuses = lambda _: None
    assert run(bus) == Relayed(published=3)


def test_a_long_bus_outage_quarantines_and_loses_nothing() -> None:
    events = [happened() for _ in range(CHUNK + 5)]
    record(*events)
    down = BrokenBus()
    for _ in range(4 * REFUSALS):
        run(down)
    assert (down.calls, waiting(), quarantined()) == (4 * REFUSALS, CHUNK + 5, [])
    bus = FakeBus()
    assert run(bus) == Relayed(published=CHUNK + 5)
    assert bus.published == [(str(event.aggregate_id), 1) for event in events]


def test_a_chunk_of_refusals_does_not_stop_later_events() -> None:
    record(*(happened(text="not ours") for _ in range(CHUNK)))
    record(*(happened() for _ in range(5)))
    bus = FakeBus(lambda each: "NotAuthorizedForSource" if each["data"]["text"] else None)
    found = run(bus)
    assert (found.published, waiting(), quarantined()) == (5, CHUNK, [])


def test_a_run_ends_in_time_and_keeps_its_progress() -> None:
    record(*(happened() for _ in range(35)))
    bus = FakeBus()
    assert run(bus, max_seconds=-1) == Relayed(published=10, refused=25)
    assert (len(bus.calls), waiting()) == (1, 25)


def test_a_quarantined_event_can_be_requeued() -> None:
    record(happened(text="x" * MAX_BYTES), happened(text="x" * MAX_BYTES))
    run(FakeBus())
    [one, other] = find(database())
    with UnitOfWork(database()) as uow:
        assert requeue(uow, [one.id, clock.new_id()]) == {one.id}
        uow.commit()
    assert [each.id for each in find(database())] == [other.id]
    assert waiting() == 1
    assert run(FakeBus()) == Relayed(quarantined=1)


def test_the_gauge_has_the_number_of_quarantined_events(
    listened: ObservedBus, capsys: pytest.CaptureFixture[str]
) -> None:
    record(happened(text="x" * MAX_BYTES), happened())
    assert every_minute()["quarantined"] == 1
    assert gauges(capsys.readouterr().out)["OutboxQuarantined"] == [1.0]
    assert len(listened.received()) == 1


class SpoiltCalls:
    """PutEvents, as far as it refuses a whole call for one of its entries."""

    class exceptions:  # noqa: N801  (boto3's name)
        ClientError = ClientError

    def __init__(self, code: str) -> None:
        self._code = code
        self.calls = 0

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        self.calls += 1
        if any("spoilt" in entry["Detail"] for entry in Entries):
            raise ClientError({"Error": {"Code": self._code}}, "PutEvents")
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


def test_one_event_that_fails_its_call_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = SpoiltCalls("ValidationException")
    monkeypatch.setattr("commerce.runtime.messaging.bus.client", lambda *_, **__: events)
    record(*(happened() for _ in range(4)), happened(text="spoilt"))
    assert Relay(database(), EventBridgeBus()).run() == Relayed(published=4, refused=1)
    assert events.calls == 1 + 5


def test_events_put_one_by_one_wait_for_the_next_run_when_time_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events = SpoiltCalls("ValidationException")
    monkeypatch.setattr("commerce.runtime.messaging.bus.client", lambda *_, **__: events)
    record(*(happened() for _ in range(4)), happened(text="spoilt"))
    with monkeypatch.context() as hurried:
        hurried.setattr("commerce.runtime.messaging.bus.ALONE_SECONDS", -1)
        assert Relay(database(), EventBridgeBus()).run() == Relayed(refused=5)
    assert (events.calls, waiting()) == (1, 5)
    assert Relay(database(), EventBridgeBus()).run() == Relayed(published=4, refused=1)


def test_a_call_refused_for_another_reason_is_not_split(monkeypatch: pytest.MonkeyPatch) -> None:
    events = SpoiltCalls("AccessDeniedException")
    monkeypatch.setattr("commerce.runtime.messaging.bus.client", lambda *_, **__: events)
    record(*(happened() for _ in range(4)), happened(text="spoilt"))
    assert Relay(database(), EventBridgeBus()).run() == Relayed(refused=5)
    assert events.calls == 1


def test_taking_a_chunk_uses_the_index_of_unpublished_events(own_shop: str) -> None:
    database().run([Query("ALTER TABLE outbox SET UNLOGGED")])
    fill = (
        "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id, aggregate_version,"
        " trace_id, data, published_at) SELECT gen_random_uuid(), 'commerce.test', 'Old', now(),"
        " gen_random_uuid(), 1, '', '{}', CASE WHEN n <= 30000 THEN now() END"
        " FROM generate_series(1, 60000) AS n"
    )
    database().run([Query(fill)])
    database().run([Query("ANALYZE outbox")])
    take = statements.TAKE(after=0, limit=CHUNK)
    plan = "\n".join(
        row[0] for row in database().run([Query(f"EXPLAIN ANALYZE {take.sql}", take.values)])[0]
    )
    assert "Index Scan using outbox_unpublished" in plan
    assert "Sort" not in plan
    assert plan.startswith("Limit")
    assert f"rows={CHUNK}" in plan
