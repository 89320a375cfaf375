"""Best-effort events may be lost, and recording one never fails."""

from typing import Any
from uuid import uuid4

from commerce.product import ProductViewed
from commerce.runtime.cache.valkey import Valkey
from commerce.runtime.messaging.best_effort import BestEffortEvents


class StubValkey(Valkey):
    """Answers every command with the same, by default with nothing."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__(lambda: "nowhere")
        self.answer = answer

    def run(self, command: Any) -> Any:
        return self.answer


def a_view() -> ProductViewed:
    return ProductViewed(aggregate_id=uuid4(), aggregate_version=1, product_id=uuid4())


def test_an_event_that_was_not_stored_sends_no_nudge() -> None:
    nudges: list[int] = []
    BestEffortEvents(StubValkey(), lambda: nudges.append(1)).record_once(
        a_view(), "curl", "2026031014"
    )
    assert nudges == []
    BestEffortEvents(StubValkey(answer=True), lambda: nudges.append(1)).record_once(
        a_view(), "curl", "2026031014"
    )
    assert nudges == [1]


def test_invalid_entries_end_the_run() -> None:
    class NoBus:
        def put(self, envelopes: Any) -> list[str | None]:
            raise AssertionError

    for answer in (None, [], b"OK", 7, [b"rubbish"] * 3):
        assert BestEffortEvents(StubValkey(answer), lambda: None).move_to(NoBus()) == 0
