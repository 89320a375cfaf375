"""The circuit breaker opens, tries and closes as its policy says, for all who share it."""

import logging
from collections.abc import Iterator

import pytest

from commerce.payment.breaker import Call, Permit, Policy, Rejected, State, StateChange
from tests.support.breakers import FAILED, SLOW, SOON, WELL, WatchedBreaker

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def breaker() -> Iterator[WatchedBreaker]:
    """A breaker nobody used before, open for long."""
    made = WatchedBreaker(policy=Policy(open_seconds=30))
    yield made
    made.valkey.close()


def opened(policy: Policy = SOON) -> WatchedBreaker:
    """A breaker that has just opened."""
    breaker = WatchedBreaker(policy=policy)
    breaker.calls([FAILED] * policy.minimum_calls)
    assert breaker.states == [("closed", "open")]
    return breaker


def test_the_tenth_failure_opens_the_breaker(breaker: WatchedBreaker) -> None:
    assert breaker.calls([FAILED] * 9) == 9
    assert breaker.changes == []
    assert breaker.call(FAILED)
    assert breaker.changes == [
        StateChange(State.CLOSED, State.OPEN, 10, 10, ("HTTP 500 (10 times)",))
    ]
    assert breaker.calls([WELL] * 5) == 0


@pytest.mark.parametrize(
    ("calls", "opens"),
    [
        ([WELL] * 6 + [FAILED] * 4, False),
        ([WELL] * 5 + [FAILED] * 5, True),
        ([WELL] * 5 + [SLOW] * 5, True),
        ([WELL] * 5 + [SLOW, FAILED] * 2 + [SLOW], True),
        ([WELL] * 5 + [Call(2.0)] * 5, False),  # slow is more than two seconds
        ([WELL] * 20 + [FAILED] * 19, False),
        ([WELL] * 20 + [FAILED] * 20, True),
        ([WELL] * 60 + [FAILED] * 24, False),
        ([WELL] * 60 + [FAILED] * 25, True),  # only the last fifty count
        ([FAILED, WELL, WELL] * 30, False),
    ],
)
def test_the_breaker_opens_when_half_of_the_calls_fail_or_are_slow(
    breaker: WatchedBreaker, calls: list[Call], *, opens: bool
) -> None:
    breaker.calls(calls[:-1])
    assert breaker.changes == []
    breaker.call(calls[-1])
    assert (breaker.states == [("closed", "open")]) is opens


def test_every_call_of_a_request_counts_and_no_call_counts_nothing(
    breaker: WatchedBreaker,
) -> None:
    for _ in range(3):
        assert breaker.call(FAILED, FAILED, FAILED)
    for _ in range(5):
        assert breaker.call()
    assert breaker.changes == []
    assert breaker.call(FAILED, FAILED, FAILED)
    assert breaker.changes[0].calls == 12


def test_an_opened_breaker_reports_the_cause(
    breaker: WatchedBreaker, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("commerce").addHandler(caplog.handler)
    breaker.calls([WELL] * 5 + [FAILED] * 3 + [Call(3.0, "no answer in time"), SLOW])
    logging.getLogger("commerce").removeHandler(caplog.handler)
    cause = (
        "5 of the last 10 calls failed or were slow: "
        "slow, 2.5 s, no answer in time, HTTP 500 (3 times)."
    )
    assert [change.cause for change in breaker.changes] == [cause]
    assert f"circuit breaker: closed -> open: {cause}" in caplog.messages


def test_the_failures_that_opened_it_are_kept_not_those_of_an_earlier_opening() -> None:
    breaker = WatchedBreaker()
    breaker.calls([Call(3.0, "no answer in time")] * 10)
    breaker.report(breaker.admitted(), [WELL])
    breaker.report(breaker.admitted(), [WELL])
    closed = breaker.snapshot()
    assert closed is not None
    assert (closed.state, closed.causes) == (State.CLOSED, ())
    breaker.calls([FAILED] * 10)
    opened_again = breaker.snapshot()
    assert opened_again is not None
    assert opened_again.opening is not None
    assert opened_again.opening.causes == ("HTTP 500 (10 times)",)
    assert (opened_again.opening.calls, opened_again.opening.failed) == (10, 10)


def test_a_failed_trial_is_shown_as_what_opened_the_breaker_again() -> None:
    breaker = opened()
    breaker.report(breaker.admitted(), [Call(0.1, "no connection")])
    found = breaker.snapshot()
    assert found is not None
    assert found.state is State.OPEN
    assert found.opening is not None
    assert (found.opening.calls, found.opening.causes) == (1, ("no connection",))


def test_the_newest_kind_of_failure_is_named_first_among_many(breaker: WatchedBreaker) -> None:
    breaker.calls([Call(3.0, "no answer in time")] * 9 + [Call(0.1, "no connection")])
    assert breaker.changes[0].causes == ("no connection", "no answer in time (9 times)")


def test_an_open_breaker_says_when_to_retry() -> None:
    breaker = opened(Policy(open_seconds=30))
    rejected = breaker.admit()
    assert isinstance(rejected, Rejected)
    assert 29 <= rejected.retry_after_seconds <= 30


def test_two_successful_trials_close_the_breaker_with_a_new_window() -> None:
    breaker = opened()
    first, second = breaker.admitted(), breaker.admitted()
    assert first.trial
    assert second.trial
    assert isinstance(breaker.admit(), Rejected)
    breaker.report(first, [WELL])
    assert isinstance(breaker.admit(), Rejected)
    breaker.report(second, [WELL])
    assert breaker.states[1:] == [("open", "half-open"), ("half-open", "closed")]
    assert breaker.calls([FAILED] * 9) == 9
    assert len(breaker.changes) == 3


@pytest.mark.parametrize("bad", [FAILED, SLOW])
@pytest.mark.parametrize("good_first", [True, False])
def test_one_failed_trial_opens_the_breaker_again(bad: Call, *, good_first: bool) -> None:
    breaker = opened()
    first, second = breaker.admitted(), breaker.admitted()
    for permit, call in ((first, WELL), (second, bad)) if good_first else ((first, bad),):
        breaker.report(permit, [call])
    assert breaker.states[1:] == [("open", "half-open"), ("half-open", "open")]


def test_an_unused_trial_is_given_to_another_call() -> None:
    breaker = opened()
    first, second = breaker.admitted(), breaker.admitted()
    breaker.report(first, [])
    third = breaker.admitted()
    breaker.report(third, [WELL])
    breaker.report(second, [WELL])
    assert breaker.states[-1] == ("half-open", "closed")


def test_a_trial_of_a_killed_function_is_given_to_another_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("commerce.payment.breaker._LEASE_SECONDS", 1.0)
    breaker = opened()
    lost, also_lost = breaker.admitted(), breaker.admitted()
    third, fourth = breaker.admitted(), breaker.admitted()
    assert len({lost.trial, also_lost.trial, third.trial, fourth.trial}) == 4
    for permit in (lost, also_lost):  # not killed after all, but too late to count
        breaker.report(permit, [FAILED])
    for permit in (third, fourth):
        breaker.report(permit, [WELL])
    assert breaker.states[-1] == ("half-open", "closed")


def test_calls_from_before_opening_do_not_count_afterwards() -> None:
    breaker = WatchedBreaker()
    early = [breaker.admit() for _ in range(4)]
    breaker.calls([FAILED] * 10)
    trials = breaker.admitted(), breaker.admitted()
    for permit in early:
        assert isinstance(permit, Permit)
        breaker.report(permit, [WELL])
    assert breaker.states[-1] == ("open", "half-open")
    for permit in trials:
        breaker.report(permit, [WELL])
    for permit in early:
        assert isinstance(permit, Permit)
        breaker.report(permit, [FAILED] * 10)
    assert breaker.states[-1] == ("half-open", "closed")


def test_a_trial_counts_once() -> None:
    breaker = opened()
    first = breaker.admitted()
    breaker.admitted()
    for _ in range(3):
        breaker.report(first, [WELL])
    assert breaker.states[-1] == ("open", "half-open")


def test_all_execution_environments_share_the_breaker() -> None:
    breaker = WatchedBreaker(policy=Policy(open_seconds=1))
    other = breaker.another()
    breaker.calls([FAILED] * 5)
    other.calls([FAILED] * 5)
    assert (breaker.states, other.states) == ([], [("closed", "open")])
    assert isinstance(breaker.admit(), Rejected)
    trial = breaker.admitted()
    other.report(trial, [WELL])
    other.report(other.admitted(), [WELL])
    assert other.states[-1] == ("half-open", "closed")
    assert breaker.call(WELL)


def test_a_failing_listener_does_not_stop_the_breaker(breaker: WatchedBreaker) -> None:
    def deaf(_: StateChange) -> None:
        raise ConnectionError("the topic is gone")

    breaker._on_change = deaf
    assert breaker.calls([FAILED] * 10) == 10
    assert isinstance(breaker.admit(), Rejected)


def test_the_policy_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Policy.from_settings() == Policy() == Policy(50, 10, 50, 2.0, 10.0, 2)
    for number, name in enumerate(
        ("WINDOW_CALLS", "MINIMUM_CALLS", "FAILURE_PERCENT", "SLOW_SECONDS", "OPEN_SECONDS",
         "TRIAL_CALLS"), 1,
    ):  # fmt: skip
        monkeypatch.setenv(f"BREAKER_{name}", str(number))
    assert Policy.from_settings() == Policy(1, 2, 3, 4, 5, 6)
