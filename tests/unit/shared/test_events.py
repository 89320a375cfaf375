"""The envelope in which events travel."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import ClassVar
from uuid import UUID, uuid4

import pytest

from commerce.shared import clock, trace
from commerce.shared.events import Event, plain
from commerce.shared.money import Money


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted(Event):
    source: ClassVar[str] = "commerce.test"

    wall_id: UUID
    colours: tuple[Colour, ...]
    cost: Money
    note: str | None = None


@pytest.fixture
def painted() -> Painted:
    wall_id = uuid4()
    return Painted(
        aggregate_id=wall_id,
        aggregate_version=7,
        wall_id=wall_id,
        colours=(Colour.RED, Colour.RED),
        cost=Money(12, "USD"),
    )


def test_an_envelope_has_type_aggregate_time_and_trace(painted: Painted) -> None:
    trace.follow("request-1")
    before = clock.now()
    envelope = painted.envelope()
    id_, occurred_at = UUID(envelope.pop("id")), envelope.pop("occurred_at")
    assert envelope == {
        "source": "commerce.test",
        "type": "Painted",
        "aggregate_id": str(painted.wall_id),
        "aggregate_version": 7,
        "trace_id": "request-1",
        "data": {
            "wall_id": str(painted.wall_id),
            "colours": ["red", "red"],
            "cost": {"amount": 12, "currency": "USD"},
            "note": None,
        },
    }
    assert id_.version == 7
    assert occurred_at.endswith("Z")
    assert before <= datetime.fromisoformat(occurred_at) <= clock.now()


def test_an_envelope_survives_json(painted: Painted) -> None:
    envelope = painted.envelope()
    assert json.loads(json.dumps(envelope)) == envelope


def test_event_ids_are_unique_and_sort_by_age(painted: Painted) -> None:
    ids = [painted.envelope()["id"] for _ in range(100)]
    assert len(set(ids)) == 100
    assert sorted(ids) == ids


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000000Z"),
        (
            datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=9))),
            "2026-01-31T00:30:00.000000Z",
        ),
        (Colour.RED, "red"),
        ([UUID(int=0)], ["00000000-0000-0000-0000-000000000000"]),
        ((), []),
        (Money(1), {"amount": 1, "currency": "KRW"}),
        ([Money(1)], [{"amount": 1, "currency": "KRW"}]),
        (None, None),
        (True, True),
        ("text", "text"),
        (0, 0),
    ],
)
def test_event_values_become_json_types(value: object, told: object) -> None:
    assert plain(value) == told
