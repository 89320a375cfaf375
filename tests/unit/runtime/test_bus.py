"""Batches carry what one PutEvents call may carry, in the order of the events."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from commerce.runtime.messaging.bus import MAX_BYTES, MAX_ENTRIES, Envelope, batches


def an_envelope(number: int, size: int = 0) -> dict[str, Any]:
    return {"id": number, "source": "commerce.test", "type": "T", "data": {"text": "x" * size}}


def put_bytes(batch: list[Envelope]) -> int:
    """As EventBridge counts an entry: its texts, and 14 bytes for the time."""
    return sum(
        len(json.dumps(each).encode()) + len(each["source"]) + len(each["type"]) + 14
        for each in batch
    )


def test_no_events_make_no_batch() -> None:
    assert list(batches([])) == []


def test_ten_events_are_one_batch() -> None:
    envelopes = [an_envelope(number) for number in range(21)]
    assert [len(batch) for batch in batches(envelopes)] == [10, 10, 1]
    assert [len(batch) for batch in batches(envelopes[:20])] == [10, 10]
    assert [len(batch) for batch in batches(envelopes[:10])] == [10]


def test_large_events_are_split_over_batches() -> None:
    envelopes = [an_envelope(number, size=MAX_BYTES // 3) for number in range(5)]
    assert [len(batch) for batch in batches(envelopes)] == [2, 2, 1]


def test_a_too_large_event_does_not_stop_the_others() -> None:
    small, large = an_envelope(1), an_envelope(2, size=MAX_BYTES)
    assert list(batches([small, large, small])) == [[small], [large], [small]]


def test_non_ascii_characters_count_by_their_encoded_size() -> None:
    envelopes = [{"data": "\N{HANGUL SYLLABLE GA}" * (MAX_BYTES // 6 // 2)} for _ in range(3)]
    assert [len(batch) for batch in batches(envelopes)] == [1, 1, 1]


@given(st.lists(st.integers(0, MAX_BYTES // 2), max_size=40))
def test_every_batch_fits_and_keeps_all_events_in_order(sizes: list[int]) -> None:
    envelopes = [an_envelope(number, size) for number, size in enumerate(sizes)]
    cut = list(batches(envelopes))
    assert [each for batch in cut for each in batch] == envelopes
    for batch in cut:
        assert 1 <= len(batch) <= MAX_ENTRIES
        assert put_bytes(batch) <= MAX_BYTES
