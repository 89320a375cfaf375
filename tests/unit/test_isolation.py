"""Unit tests run alone: what would start or reach a server is refused."""

import socket
from contextlib import closing

import pytest


def test_a_unit_test_cannot_connect_to_a_server() -> None:
    with (
        closing(socket.socket()) as client,
        pytest.raises(pytest.fail.Exception, match="move it to tests/integration"),
    ):
        client.connect(("127.0.0.1", 9))


def test_a_unit_test_cannot_start_the_servers(request: pytest.FixtureRequest) -> None:
    with pytest.raises(pytest.fail.Exception, match="move this one to tests/integration"):
        request.getfixturevalue("servers")
