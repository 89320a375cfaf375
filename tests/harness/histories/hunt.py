"""Plays plan after plan until a history fails, and shows the smallest that it finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.harness.histories.history import History
from tests.harness.histories.plan import Plan, Size, draw
from tests.harness.histories.recorder import Recorder
from tests.harness.histories.shrink import smaller_plan
from tests.harness.histories.verdict import Verdict, judge, report

CALLS = 6
"""Per client: histories of some forty calls are decided in milliseconds."""


@dataclass(slots=True)
class Hunt:
    """Counts of what was played, and the first failure."""

    histories: int = 0
    calls: int = 0
    unknown: int = 0
    replayed: int = 0
    refused: int = 0
    events: int = 0
    undecided: list[int] = field(default_factory=list)
    failing: History | None = None
    smallest: History | None = None

    @property
    def report(self) -> str:
        """A report of the failure; empty where there is none."""
        if self.failing is None:
            return ""
        return report(self.smallest or self.failing)

    def count(self, history: History, verdict: Verdict) -> None:
        """Add one history to the table."""
        self.histories += 1
        self.calls += len(history.calls)
        self.unknown += sum(call.answer is None for call in history.calls)
        self.replayed += sum(call.is_replay for call in history.calls)
        self.refused += sum(call.refusal is not None for call in history.calls)
        self.events += len(history.committed)
        if verdict.is_undecided:
            self.undecided.append(history.seed)


def hunt(
    recorder: Recorder,
    seeds: Iterable[int],
    *,
    clients: int,
    calls: int = CALLS,
    replays: int = 0,
    progress: Callable[[Hunt], None] = lambda _: None,
) -> Hunt:
    """Play the seeds' plans up to the first that fails; then smaller ones, `replays` at most."""
    found = Hunt()
    for seed in seeds:
        plan = draw(seed, Size(clients, calls))
        history = recorder.record(plan)
        verdict = judge(history)
        found.count(history, verdict)
        progress(found)
        if not verdict.holds:
            found.failing = found.smallest = history
            _make_smaller(recorder, plan, found, replays)
            break
    return found


def _make_smaller(recorder: Recorder, plan: Plan, found: Hunt, replays: int) -> None:
    def fails(smaller: Plan) -> bool:
        history = recorder.record(smaller)
        is_smaller = found.smallest is None or len(history.calls) <= len(found.smallest.calls)
        if judge(history).holds:
            return False
        if is_smaller:
            found.smallest = history
        return True

    smaller_plan(plan, fails, replays)
