"""Fixtures of the integration tests, which all run on the servers."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _on_servers(servers: None) -> None:
    """Start the servers, or find them."""


@pytest.fixture
def logged(shop_environment: None) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that reads the log lines written since the test began."""
    from commerce.entrypoints.telemetry import logger  # imported when the environment is set

    written = io.StringIO()
    [handler] = logger.handlers
    stream = handler.setStream(written)  # type: ignore[attr-defined]
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(stream)  # type: ignore[attr-defined]
