"""What an attack needs beside the shop: a gateway that is well, and nobody to deliver to."""

from typing import TYPE_CHECKING

import pytest

from tests.support.own_shop import own_shop

__all__ = ["own_shop"]

if TYPE_CHECKING:
    from tests.fuzz.world import World
    from tests.support.gateway import RunningGateway


@pytest.fixture
def world(own_shop: str, gateway: "RunningGateway", monkeypatch: pytest.MonkeyPatch) -> "World":
    """Two users with an order and a payment each, and an admin, in a shop of the test's own.

    An admin's requests change what holds for all, as the weights of rankings.
    """
    from tests.fuzz.world import a_world  # imported when the environment is set

    monkeypatch.setenv("DELIVERY_URL", "http://localhost:9")  # nobody listens there, nor here:
    monkeypatch.setenv("GATEWAY_CALLBACK_URL", "http://localhost:9")  # callbacks are the attack's
    return a_world()
