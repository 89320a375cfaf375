"""Fixtures of the integration tests, which all run on the servers."""

import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.proxy import PostgresProxy


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


@pytest.fixture
def proxy(
    database_url: str, shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[PostgresProxy]":
    """The way to PostgreSQL of everything that this test does."""
    from commerce.runtime.db.current import database  # imported when the environment is set
    from tests.support.proxy import postgres_proxy

    with postgres_proxy(database_url) as proxy:
        monkeypatch.setenv("DATABASE_URL", proxy.url)
        database().close()
        yield proxy
        database().close()
