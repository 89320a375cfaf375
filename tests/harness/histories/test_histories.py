"""A short slice of `make histories`: a serial order explains what concurrent clients were answered.

A history that fails is kept as JSON and shown at its smallest; `make histories` judges it again
with ARGS="--replay FILE".
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.harness.histories.history import Call, History
from tests.harness.histories.plan import Size, draw
from tests.harness.histories.recorder import Recorder
from tests.harness.histories.verdict import judge, report

HISTORIES = 12
MOST_HISTORIES = 36  # until all kinds of behaviour were met: which are depends on the machine
CLIENTS = 5
pytestmark = pytest.mark.timeout(900)  # a quarter of a minute on an idle machine


@pytest.fixture
def recorder(own_shop: str) -> Iterator[Recorder]:
    """Clients on threads of their own, in a shop of the test's own."""
    recorder = Recorder(CLIENTS)
    yield recorder
    recorder.close()


def test_the_same_seed_draws_the_same_plan() -> None:
    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_concurrent_histories_are_linearizable(recorder: Recorder, tmp_path: Path) -> None:
    # A slice that met none of these would prove nothing.
    wanted = {
        "placed", "refused", "unknown", "replayed", "cancelled", "cancel_part", "overlapped",
        "taken twice",
        "drawn", "late", "offered", "lapsed", "BOUGHT", "WITHDRAWN", "OFFER_NOT_VALID", "DROP_ONLY",
    }  # fmt: skip
    seen: Counter[str] = Counter()
    for seed in range(1, MOST_HISTORIES + 1):
        if seed > HISTORIES and wanted <= seen.keys():
            break
        history = recorder.record(draw(seed, Size(clients=CLIENTS, calls=6)))
        verdict = judge(history)
        if not verdict.holds or verdict.is_undecided:
            history.save(tmp_path / f"{seed}.json")
            pytest.fail(f"kept as {tmp_path / f'{seed}.json'}\n{report(history)}")
        seen.update(_kinds(history))
    assert wanted - seen.keys() == set()


def test_a_long_history_is_linearizable(recorder: Recorder) -> None:
    history = recorder.record(draw(1000, Size(clients=CLIENTS, calls=40)))

    verdict = judge(history)

    assert verdict.holds, report(history)
    assert not verdict.is_undecided
    assert len(history.calls) > 150


def _kinds(history: History) -> Iterator[str]:
    """Yield the kinds of behaviour that this history covers."""
    yield from (_kind(call) for call in history.calls)
    yield from ("replayed" for call in history.calls if call.is_replay)
    calls = history.calls
    yield from ("overlapped" for call, after in pairwise(calls) if after.start < call.end)
    yield from ["taken twice"] * (len(history.taken) - len(set(history.taken)))
    yield from (call.refusal for call in calls if call.refusal)
    yield from _of_drop(history)


def _of_drop(history: History) -> Iterator[str]:
    drop = history.end.get("drop", {"rows": {"entries": {}}})
    yield from (status for status, _ in drop["rows"]["entries"].values())
    for call in history.calls:
        answer = call.answer or {}
        if call.kind == "take_round" and answer.get("numbered"):
            yield "drawn"
        if call.kind == "step":
            done = {"late": "numbered", "offered": "offered", "lapsed": "lapsed"}
            yield from (name for name, count in done.items() if answer.get(count))


def _kind(call: Call) -> str:
    if call.answer is None:
        return "unknown"
    if call.refusal is not None:
        return "refused"
    return {"place": "placed", "cancel": "cancelled"}.get(call.kind, call.kind)
