"""The drill that redrives dead letters: it holds, and finds a message that was lost."""

from typing import Any

import pytest

from commerce.runtime.aws import client
from infra.drills.__main__ import DRILLS
from infra.drills.frame import Report
from tests.support.dead_letters import a_dead_queue

pytestmark = pytest.mark.usefixtures("own_shop")


def drill(count: int) -> Report:
    return DRILLS["redrive"].run(count, lambda _: None)


def test_every_dead_letter_arrives_once_at_full_speed_and_at_a_rate() -> None:
    report = drill(40)
    assert report.failed == []
    assert [each.name for each in report.steps] == [
        "Orders are placed", "Redrive at full speed", "Redrive at 2 a second",
        "The consumer handles them", "The queues are empty", "The audit has each letter once",
    ]  # fmt: skip
    assert report.steps[1].proof.startswith("36 of 36 in ")
    assert "of 40 orders the delivery system knows 40, 0 were lost" in report.steps[3].proof


def test_a_message_that_a_redrive_loses_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, elsewhere = client("sqs", answer_within_seconds=10), a_dead_queue().url
    real = sqs.send_message_batch

    def misdirect_the_first(**given: Any) -> Any:
        first, *others = given["Entries"]
        sent = real(QueueUrl=elsewhere, Entries=[first])["Successful"]
        return {
            "Successful": sent
            + (real(**given | {"Entries": others})["Successful"] if others else [])
        }

    monkeypatch.setattr(sqs, "send_message_batch", misdirect_the_first)
    report = drill(12)
    assert report.failed == ["The consumer handles them"], report.steps
