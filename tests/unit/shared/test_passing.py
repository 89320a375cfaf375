"""Passing events may be lost, and never cost their teller."""

from typing import Any
from uuid import uuid4

from commerce.product import ProductViewed
from commerce.shared.passing import PassingEvents
from commerce.shared.valkey import Valkey


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
    PassingEvents(Away(), lambda: nudges.append(1)).tell(a_view())
    assert nudges == []
    PassingEvents(Away(answer=True), lambda: nudges.append(1)).tell(a_view())
    assert nudges == [1]


def test_rubbish_ends() -> None:
    class NoBus:
        def put(self, envelopes: Any) -> list[str | None]:
            raise AssertionError

    for answer in (None, [], b"OK", 7, [b"rubbish"] * 3):
        assert PassingEvents(Away(answer), lambda: None).move_to(NoBus()) == 0
