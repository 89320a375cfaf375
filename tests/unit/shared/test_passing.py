"""Passing events may be lost, and never cost their teller."""

from typing import Any
from uuid import uuid4

from commerce.product import ProductViewed
from commerce.runtime.cache.valkey import Valkey
from commerce.runtime.messaging.best_effort import BestEffortEvents


class Away(Valkey):
    """Answers nothing, or the same to everything."""

    def __init__(self, answer: Any = None) -> None:
        super().__init__(lambda: "nowhere")
        self.answer = answer

    def ask(self, question: Any) -> Any:
        return self.answer


def a_view() -> ProductViewed:
    return ProductViewed(aggregate_id=uuid4(), aggregate_version=1, product_id=uuid4())


def test_nobody_is_nudged_for_what_was_not_kept() -> None:
    nudges: list[int] = []
    BestEffortEvents(Away(), lambda: nudges.append(1)).record(a_view())
    assert nudges == []
    BestEffortEvents(Away(answer=True), lambda: nudges.append(1)).record(a_view())
    assert nudges == [1]


def test_rubbish_ends() -> None:
    class NoBus:
        def put(self, envelopes: Any) -> list[str | None]:
            raise AssertionError

    for answer in (None, [], b"OK", 7, [b"rubbish"] * 3):
        assert BestEffortEvents(Away(answer), lambda: None).move_to(NoBus()) == 0
