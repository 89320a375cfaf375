"""The beacon's client against the simulator of two relays."""

import time
from collections.abc import Iterator

import pytest

from commerce.drop import SIMULATED, round_time
from commerce.drop.beacon import BeaconUnreachable, HttpBeacon
from infra.local.beacon import GENESIS, PERIOD_SECONDS, BeaconServer, signature_of
from tests.support.beacon import a_beacon

PAST = 1_000


@pytest.fixture
def beacon() -> Iterator[tuple[BeaconServer, HttpBeacon]]:
    with a_beacon() as (server, urls):
        yield server, HttpBeacon(urls.split(","))


def test_two_relays_that_agree_give_the_signature(beacon: tuple[BeaconServer, HttpBeacon]) -> None:
    _, relays = beacon

    assert relays.signature(SIMULATED, PAST) == signature_of(SIMULATED, PAST)


def test_rounds_have_different_signatures(beacon: tuple[BeaconServer, HttpBeacon]) -> None:
    _, relays = beacon

    assert len({relays.signature(SIMULATED, PAST + n) for n in range(5)}) == 5


@pytest.mark.parametrize("mode", ["fail", "hang", "disagree"])
def test_a_round_is_never_made_up(beacon: tuple[BeaconServer, HttpBeacon], mode: str) -> None:
    server, relays = beacon
    relays._http.connection_pool_kw["timeout"] = 0.2
    server.behave(mode)

    with pytest.raises(BeaconUnreachable):
        relays.signature(SIMULATED, PAST)

    server.behave("ok")
    assert relays.signature(SIMULATED, PAST) == signature_of(SIMULATED, PAST)


def test_a_round_is_not_known_before_its_time(beacon: tuple[BeaconServer, HttpBeacon]) -> None:
    _, relays = beacon
    next_day = 1 + int(time.time() + 86_400 - GENESIS) // PERIOD_SECONDS

    with pytest.raises(BeaconUnreachable):
        relays.signature(SIMULATED, next_day)


def test_one_relay_is_not_enough(beacon: tuple[BeaconServer, HttpBeacon]) -> None:
    _, relays = beacon
    alone = HttpBeacon(relays._relays[:1])

    with pytest.raises(BeaconUnreachable):
        alone.signature(SIMULATED, PAST)


def test_the_simulators_rounds_have_the_times_of_the_domain() -> None:
    assert round_time(1).timestamp() == GENESIS
    assert (round_time(3) - round_time(1)).total_seconds() == 2 * PERIOD_SECONDS
