"""Makes a failing history smaller, so that a person can read it.

A part of a history that a serial order explains need not be explained by one: an effect that is
left out is missed later. So of what was recorded only that is left out whose loss proves nothing:
what came after the first impossible answer, calls that have nothing in common with it, and calls
that changed nothing. To leave out more, the plan is made smaller, and played again.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.harness.histories.checker import Unexplained, unexplained
from tests.harness.histories.history import Call, History
from tests.harness.histories.plan import Plan, Planned

T = TypeVar("T")


def smallest(items: Sequence[T], fails: Callable[[list[T]], bool], tries: int = 1000) -> list[T]:
    """Delta debugging: a smaller list that still fails, in so many tries at most."""
    kept, size = list(items), max(1, len(items) // 2)
    while tries > 0:
        at, before = 0, len(kept)
        while at < len(kept) and tries > 0:
            fewer = kept[:at] + kept[at + size :]
            tries -= 1
            if fails(fewer):
                kept = fewer
            else:
                at += size
        if size == 1 and len(kept) == before:
            break
        size = max(1, size // 2)
    return kept


def shrunk(history: History) -> Unexplained | None:
    """The smallest unexplained part that can be had of what was recorded; None: all explained."""
    for with_end in (False, True):
        if unexplained(history, with_end=with_end):
            break
    else:
        return None
    shorter = history if with_end else _shortest_prefix(history)
    found = unexplained(shorter, with_end=with_end)[0]

    def fails(silent: list[Call]) -> bool:
        calls = [each for each in found.calls if not _is_silent(each) or each in silent]
        return bool(unexplained(_of(history, calls), with_end=with_end))

    silent = smallest([each for each in found.calls if _is_silent(each)], fails)
    calls = [each for each in found.calls if not _is_silent(each) or each in silent]
    return unexplained(_of(history, calls), with_end=with_end)[0]


def _shortest_prefix(history: History) -> History:
    """Up to the first moment at which the answers so far are not explained any more."""
    moments = sorted(call.end for call in history.calls)
    low, high = 0, len(moments) - 1
    while low < high:
        middle = (low + high) // 2
        if unexplained(_until(history, moments[middle]), with_end=False):
            high = middle
        else:
            low = middle + 1
    return _until(history, moments[low])


def _until(history: History, moment: int) -> History:
    """Cut the history at a moment; a call unanswered by then may have had an effect or not."""
    calls = [
        call if call.end <= moment else call.unanswered()
        for call in history.calls
        if call.start < moment
    ]
    return _of(history, calls)


def _of(history: History, calls: list[Call]) -> History:
    """The same with these calls alone; what was placed can still be named."""
    return History(history.seed, history.setup, calls, history.end)


def _is_silent(call: Call) -> bool:
    """Return whether the call changes nothing, whatever the state."""
    return call.kind.startswith("read_") or call.refusal is not None


def smaller_plan(plan: Plan, fails: Callable[[Plan], bool], tries: int) -> Plan:
    """A plan of fewer calls that fails when it is played again, in so many tries at most."""

    def fails_with(calls: list[Planned]) -> bool:
        return bool(calls) and fails(plan.only(calls))

    return plan.only(smallest(plan.calls, fails_with, tries))
