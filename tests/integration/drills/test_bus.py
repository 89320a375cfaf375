"""The drill that loses the bus: it holds, and finds an event that a bus loses."""

from collections.abc import Sequence

import pytest

from commerce.runtime.messaging.bus import Envelope, EventBridgeBus
from infra.drills.__main__ import DRILLS
from infra.drills.frame import Report

pytestmark = pytest.mark.usefixtures("own_shop")


def drill() -> Report:
    return DRILLS["bus"].run(10, lambda _: None)


def test_after_an_hour_without_a_bus_every_event_is_delivered_once() -> None:
    report = drill()
    assert report.failed == [], [each.proof for each in report.steps if not each.holds]
    assert len(report.steps) == 9


def test_an_event_that_the_bus_takes_and_loses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real, lost = EventBridgeBus.put, list[Envelope]()

    def lose_one(self: EventBridgeBus, envelopes: Sequence[Envelope]) -> list[str | None]:
        answers = real(self, envelopes[1:] if not lost else envelopes)
        if lost:
            return answers
        if None in answers:  # the bus is back
            lost.append(envelopes[0])
        return [answers[0] if answers else None, *answers]

    monkeypatch.setattr(EventBridgeBus, "put", lose_one)
    report = drill()
    assert "Every event arrives" in report.failed, report.steps
