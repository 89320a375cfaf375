"""Unit tests connect to nothing, and Hypothesis judges results, not the machine's speed."""

import os
import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

# A run of this suite alone tries a few examples of each property, `make test` a hundred others.
EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "10"))

settings.register_profile(
    "lastunit",
    deadline=None,
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lastunit")


@pytest.fixture(scope="session")
def servers() -> NoReturn:
    """Refuse the servers that other suites run on."""
    pytest.fail("A unit test needs no server: move this one to tests/integration.")


@pytest.fixture(autouse=True, scope="module")
def _no_connections() -> Iterator[None]:
    """Refuse every connection, so that a unit test cannot come to need a server."""

    def refuse(_: socket.socket, address: object) -> NoReturn:
        pytest.fail(f"A unit test connects to {address}: move it to tests/integration.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket.socket, "connect", refuse)
        patched.setattr(socket.socket, "connect_ex", refuse)
        yield
