"""Every test of this folder runs on the servers."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _on_servers(servers: None) -> None:
    """Start the servers, or find them."""
