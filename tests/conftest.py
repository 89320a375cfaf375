"""One set of real servers for the whole run: PostgreSQL, Valkey, and moto for AWS.

The process that pytest was started as starts and stops them; workers (`-n`) find them through the
environment. Every test makes its own rows, keys and queues, so all can share them.
"""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from tests.e2e.stack import remember_running_stack
from tests.support import backends

remember_running_stack()  # before our own servers take the names of its addresses

if TYPE_CHECKING:
    from tests.support.delivery import Delivery
    from tests.support.gateway import RunningGateway
    from tests.support.queues import OpsTopic

_RUNNING: list[backends.TestServers] = []

# What every function would get from the template.
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "POWERTOOLS_SERVICE_NAME": "lastunit",
        "POWERTOOLS_METRICS_NAMESPACE": "Lastunit",
        "POWERTOOLS_TRACE_DISABLED": "true",
        "APP_VERSION": "test",
        "FINGERPRINT_KEY": secrets.token_urlsafe(48),
        "GATEWAY_CALLBACK_URL": "http://localhost:9/payments/callbacks",  # nobody listens there
    }
)
os.environ.setdefault(
    "TOKEN_KEYS", json.dumps({"current": "test", "test": secrets.token_urlsafe(48)})
)


class EndToEndTogether(LoadScopeScheduling):  # type: ignore[misc]
    """Deals tests out one by one, but the end-to-end ones to one worker: they share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> EndToEndTogether:
    """Take the place of `--dist loadgroup`, which this xdist does not do under this pytest."""
    return EndToEndTogether(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker a part of the cache server: nobody else fills or empties what it keeps."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        number = 1 + int(worker["workerid"].removeprefix("gw")) % 15
        os.environ["VALKEY_URL"] = f"{os.environ['VALKEY_URL'].rpartition('/')[0]}/{number}"


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start the servers, unless this is a worker or nothing is going to run."""
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    directory = Path(tempfile.mkdtemp(prefix="lastunit-tests-"))
    running = backends.start_test_servers(directory)
    _RUNNING.append(running)
    os.environ.update(running.environment)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop what was started, however the run ended."""
    while _RUNNING:
        _RUNNING.pop().stop()


@pytest.fixture(scope="session")
def database_url() -> str:
    """The migrated database that all tests share."""
    return os.environ["DATABASE_URL"]


@pytest.fixture
def own_database_url() -> Iterator[str]:
    """A migrated database of the test's own, for what looks at whole tables."""
    with backends.own_database(os.environ["SUPERUSER_URL"]) as url:
        yield url


@pytest.fixture(scope="session")
def shop_environment() -> Iterator[None]:
    """Everything a handler needs: database, cache, idempotency table, queues, bus."""
    from commerce.runtime.cache import valkey

    valkey.TIMEOUT_SECONDS = 5.0  # tests say what is kept, however busy their machine is
    yield
    from commerce.runtime.db.current import database  # imported when the environment is set

    database().close()


@pytest.fixture(autouse=True, scope="module")
def nobody_reads_the_nudges() -> Iterator[None]:
    """Empties the queues of nudges: moto takes the longer to send, the more messages wait."""
    yield
    if "commerce.runtime.aws" in sys.modules:
        from commerce.runtime.aws import client

        sqs = client("sqs")
        for name in ("RELAY_QUEUE_URL", "BEST_EFFORT_QUEUE_URL"):
            with suppress(sqs.exceptions.PurgeQueueInProgress):  # it was, less than a minute ago
                sqs.purge_queue(QueueUrl=os.environ[name])


@pytest.fixture
def idempotency_store_is_down(
    shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The table that Powertools keeps its records in is gone."""
    from commerce.entrypoints import idempotency

    monkeypatch.setenv("IDEMPOTENCY_TABLE_NAME", "no-such-table")
    idempotency._store.cache_clear()
    yield
    idempotency._store.cache_clear()


@pytest.fixture
def delivery(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Delivery]":
    """A delivery system of the test's own, which the functions tell."""
    from tests.support.delivery import a_delivery_system

    with a_delivery_system() as running:
        monkeypatch.setenv("DELIVERY_URL", running.url)
        yield running


@pytest.fixture
def gateway(
    topic: "OpsTopic", shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[RunningGateway]":
    """A payment gateway of the test's own, which is well, quick, and whose callbacks arrive."""
    from tests.support.gateway import a_gateway
    from tests.support.payments import callbacks_received
    from tests.support.valkey import forget_breaker

    forget_breaker()
    with a_gateway("healthy") as running, callbacks_received() as callback_url:
        monkeypatch.setenv("GATEWAY_URL", running.url)
        monkeypatch.setenv("GATEWAY_SECRET", running.secret)
        monkeypatch.setenv("GATEWAY_CALLBACK_URL", callback_url)
        monkeypatch.setenv("PAYMENT_RECONCILE_AFTER_SECONDS", "0")
        yield running


@pytest.fixture
def topic(shop_environment: None, monkeypatch: pytest.MonkeyPatch) -> "OpsTopic":
    """The operators' topic, which hears of what failed three times, without pauses."""
    from tests.support.queues import an_ops_topic

    made = an_ops_topic()
    monkeypatch.setenv("OPS_TOPIC_ARN", made.arn)
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", "0")
    monkeypatch.setenv("SHIPPING_MAX_TRIES", "3")
    return made
