"""Many at once, in threads and processes, share one circuit breaker: every count is exact."""

import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from commerce.payment.breaker import Permit, Policy, Rejected
from tests.support.breakers import FAILED, SOON, WELL, WatchedBreaker

pytestmark = pytest.mark.usefixtures("shop_environment")

ROOT = Path(__file__).parents[2]
THREADS = 20
CHILD = """
import sys
from commerce.payment.breaker import Policy
from commerce.runtime.cache import valkey
from tests.support.breakers import FAILED, WELL, WatchedBreaker
valkey.TIMEOUT_SECONDS = 10.0
breaker = WatchedBreaker(sys.argv[1], Policy(window_calls=10_000, minimum_calls=int(sys.argv[2])))
print(breaker.calls([FAILED, WELL] * 50), breaker.states, flush=True)
"""


def at_once(*breakers: WatchedBreaker) -> list[Permit | Rejected]:
    """Each asks for a permit in a thread of its own, all at the same moment."""
    barrier = Barrier(len(breakers))

    def ask(breaker: WatchedBreaker) -> Permit | Rejected:
        barrier.wait()
        return breaker.admit()

    with ThreadPoolExecutor(len(breakers)) as pool:
        return list(pool.map(ask, breakers))


def everybody(breaker: WatchedBreaker) -> list[WatchedBreaker]:
    """The breaker in twenty execution environments, connected."""
    others = [breaker.another() for _ in range(THREADS)]
    for each in others:
        each.admit()
    return others


def test_half_open_admits_two_of_twenty_calls() -> None:
    breaker = WatchedBreaker(policy=Policy(open_seconds=1))
    others = everybody(breaker)
    breaker.calls([FAILED] * 10)
    first = breaker.admitted()  # it is half-open from here

    answers = at_once(*others)

    [second] = [each for each in answers if isinstance(each, Permit)]
    assert {first.trial, second.trial}.isdisjoint({None})
    for permit in (first, second):
        others[0].report(permit, [WELL])
    assert others[0].states[-1] == ("half-open", "closed")


def test_half_open_admits_two_trials_at_the_end_of_the_open_time() -> None:
    breaker = WatchedBreaker(policy=Policy(open_seconds=0.3))
    others = everybody(breaker)
    breaker.calls([FAILED] * 10)
    let_through: list[Permit] = []
    while not let_through:
        let_through = [each for each in at_once(*others) if isinstance(each, Permit)]
    # The last of them may have been the first to find it half-open.
    let_through += [each for each in at_once(*others) if isinstance(each, Permit)]
    assert len(let_through) == 2
    assert sum(len(each.changes) for each in others) == 1


def test_twenty_simultaneous_failures_open_the_breaker_once() -> None:
    breaker = WatchedBreaker(policy=SOON)
    others = [breaker.another() for _ in range(THREADS)]
    permits = [each.admit() for each in others]
    barrier = Barrier(THREADS)

    def fail(number: int) -> None:
        permit = permits[number]
        assert isinstance(permit, Permit)
        barrier.wait()
        others[number].report(permit, [FAILED])

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fail, range(THREADS)))

    [change] = [change for each in others for change in each.changes]
    assert (change.before.value, change.after.value) == ("closed", "open")
    assert (change.calls, change.failed) == (10, 10)


@pytest.mark.parametrize(("minimum", "opens"), [(400, 1), (401, 0)])
def test_calls_of_four_processes_are_all_counted(minimum: int, opens: int) -> None:
    name = WatchedBreaker().name
    paths = {"PYTHONPATH": os.pathsep.join([str(ROOT / "layers/domain/python"), str(ROOT)])}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, name, str(minimum)],
            env={**os.environ, **paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outcomes = Counter(child.communicate(timeout=60)[0].strip() for child in children)

    assert [child.returncode for child in children] == [0] * 4
    expected = Counter({"100 []": 4 - opens})
    expected["100 [('closed', 'open')]"] = opens
    assert outcomes == +expected
