"""The shop that the attacks are made on."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.harness.fuzz.world import World
    from tests.support.delivery import Delivery
    from tests.support.gateway import RunningGateway


@pytest.fixture
def world(
    own_shop: str,
    gateway: "RunningGateway",
    delivery: "Delivery",
    cheap_hashes: None,
    monkeypatch: pytest.MonkeyPatch,
) -> "World":
    """Two users with an order and a payment each, and an admin, in a shop of the test's own.

    An admin's requests change what holds for all, as the weights of rankings.
    """
    from commerce.runtime.messaging import dead_letters
    from tests.harness.fuzz.world import UNLIMITED, a_world  # when the environment is set

    for name, value in UNLIMITED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", "http://localhost:9")  # callbacks are the attack's
    monkeypatch.setattr(dead_letters, "EMPTY_RECEIVES", 1)  # one server, so no empty answers
    return a_world()
