"""The counters of failed sign-ins, and how long each makes the next one wait."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from commerce.user.throttle import (
    ADDRESS_BURST,
    FORGOTTEN_AFTER,
    WAITS_SECONDS,
    Attempts,
    Counter,
    Kind,
    counters_of,
)

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
A_DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_IN_KEYS", json.dumps({"current": "k", "k": "x" * 40}))


def failed(times: int, kind: Kind = Kind.NETWORK) -> Attempts:
    attempts = Attempts(Counter(kind, "any"))
    for _ in range(times):
        attempts.fail(NOW)
    return attempts


def guesses_in_a_day(kind: Kind) -> int:
    """Count the guesses of somebody who makes each as soon as it is allowed."""
    attempts, now, guesses = failed(0, kind), NOW, 0
    while now < NOW + A_DAY:
        attempts.fail(now)
        guesses += 1
        now += timedelta(seconds=attempts.wait_seconds(now))
    return guesses


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.DEVICE])
@pytest.mark.parametrize("failures", [0, 1, 2, 3, 4])
def test_the_first_failures_in_a_row_cost_no_wait(failures: int, kind: Kind) -> None:
    assert failed(failures, kind).wait_seconds(NOW) == 0


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.DEVICE])
@pytest.mark.parametrize(
    ("failures", "wait_seconds"),
    [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (11, 60), (12, 120), (13, 300), (14, 900)],
)
def test_then_the_wait_grows_up_to_a_quarter_of_an_hour(
    failures: int, wait_seconds: int, kind: Kind
) -> None:
    attempts = failed(failures, kind)
    assert attempts.wait_seconds(NOW) == wait_seconds
    assert attempts.wait_seconds(NOW + timedelta(seconds=wait_seconds)) == 0
    assert failed(1000, kind).wait_seconds(NOW) == WAITS_SECONDS[-1]


def test_a_partial_second_of_waiting_is_rounded_up() -> None:
    assert failed(6).wait_seconds(NOW + timedelta(seconds=1.999)) == 1


def test_a_success_ends_a_row_of_failures() -> None:
    attempts = failed(11)
    attempts.succeed()
    later = NOW + timedelta(seconds=60)
    for _ in range(4):
        attempts.fail(later)
        assert attempts.wait_seconds(later) == 0


def test_failures_are_forgotten_after_a_day_without_one() -> None:
    attempts = failed(14)
    attempts.fail(attempts.blocked_until + FORGOTTEN_AFTER)
    assert attempts.failures == 15
    attempts.fail(attempts.blocked_until + FORGOTTEN_AFTER + timedelta(seconds=1))
    assert attempts.failures == 1


def test_an_address_has_ten_failures_at_once_then_one_in_ten_seconds() -> None:
    attempts, now = failed(ADDRESS_BURST - 1, Kind.ADDRESS), NOW
    assert attempts.wait_seconds(now) == 0
    for _ in range(5):
        attempts.fail(now)
        assert attempts.wait_seconds(now) == 10
        now += timedelta(seconds=10)
        assert attempts.wait_seconds(now) == 0
    attempts.fail(now + timedelta(hours=1))
    assert attempts.wait_seconds(now + timedelta(hours=1)) == 0


def test_a_success_does_not_clear_the_count_of_an_address() -> None:
    attempts = failed(ADDRESS_BURST, Kind.ADDRESS)
    attempts.succeed()
    assert attempts.wait_seconds(NOW) == 10


def test_the_guesses_in_a_day_are_those_of_the_documents() -> None:
    assert guesses_in_a_day(Kind.NETWORK) == 109
    assert guesses_in_a_day(Kind.DEVICE) == 109
    assert guesses_in_a_day(Kind.ADDRESS) == 8_649


def shared(first: str, second: str) -> set[Kind]:
    """Return the kinds of counters that two addresses have in common for one login id."""
    both = set(counters_of("coyote", first)) & set(counters_of("coyote", second))
    return {each.kind for each in both}


@pytest.mark.parametrize(
    ("first", "second", "kinds"),
    [
        ("203.0.113.7", "203.0.113.7", {Kind.NETWORK, Kind.ADDRESS}),
        ("203.0.113.7", "203.0.113.250", {Kind.NETWORK}),
        ("203.0.113.7", "203.0.114.7", set()),
        ("203.0.113.7", "::ffff:203.0.113.7", {Kind.NETWORK, Kind.ADDRESS}),
        ("2001:db8:1:200::1", "2001:db8:1:2ff:ffff::2", {Kind.NETWORK, Kind.ADDRESS}),
        ("2001:db8:1:200::1", "2001:db8:1:300::1", {Kind.NETWORK}),
        ("2001:db8:1::1", "2001:db8:2::1", set()),
        ("2001:DB8:1:200::1", "2001:db8:1:200:0::1", {Kind.NETWORK, Kind.ADDRESS}),
        ("", "", {Kind.NETWORK, Kind.ADDRESS}),
        ("test-invoke-source-ip", "", set()),
    ],
)
def test_addresses_share_counters_by_block(first: str, second: str, kinds: set[Kind]) -> None:
    assert shared(first, second) == kinds


def test_login_ids_share_the_counter_of_the_address_alone() -> None:
    both = set(counters_of("coyote", "203.0.113.7")) & set(counters_of("runner", "203.0.113.7"))
    assert {each.kind for each in both} == {Kind.ADDRESS}


def test_a_counter_shows_neither_login_id_nor_address() -> None:
    for each in counters_of("coyote", "203.0.113.7"):
        assert "coyote" not in each.key
        assert "203.0.113" not in each.key
