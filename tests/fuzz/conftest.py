"""What an attack needs beside the shop: a gateway that is well, and nobody to deliver to."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fuzz.world import World
    from tests.support.gateway import RunningGateway


@pytest.fixture
def world(gateway: "RunningGateway", monkeypatch: pytest.MonkeyPatch) -> "World":
    """Two users with an order and a payment each, and an admin."""
    from tests.fuzz.world import a_world  # imported when the environment is set

    monkeypatch.setenv("DELIVERY_URL", "http://localhost:9")  # nobody listens there
    return a_world()
