"""The environment that functions expect, and fixtures that several suites use.

PostgreSQL, Valkey and moto are started once a collected test asks for the fixture `servers`. Every
test makes its own rows, keys and queues, so that all can share them.
"""

import gc
import json
import os
import secrets
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import scratch
from tests.support.shared_servers import DIRECTORY, SharedServers

if os.environ.get("API_URL"):  # before our own servers take the names of that stack's addresses
    from tests.e2e.stack import remember_running_stack

    remember_running_stack()

if TYPE_CHECKING:
    from infra.local.beacon import BeaconServer
    from tests.support.delivery import Delivery
    from tests.support.gateway import RunningGateway
    from tests.support.queues import OpsTopic
    from tests.support.scheduling import SharedTogether

_SERVERS = pytest.StashKey[SharedServers]()

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
        "MAIL_SENDER": "shop@example.com",
        "GATEWAY_CALLBACK_URL": "http://localhost:9/payments/callbacks",  # nobody listens there
    }
)
for purpose in ("TOKEN", "SIGN_IN"):
    os.environ.setdefault(
        f"{purpose}_KEYS", json.dumps({"current": "test", "test": secrets.token_urlsafe(48)})
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "SharedTogether":
    """Take the place of `--dist loadgroup`, which this xdist does not do under this pytest."""
    from tests.support.scheduling import SharedTogether

    return SharedTogether(config, log)


def pytest_configure(config: pytest.Config) -> None:
    """Prepare the run's temporary files and servers; none is started here."""
    scratch.use_memory()
    config.stash[_SERVERS] = SharedServers(getattr(config, "workerinput", None))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the controller leaves the servers' addresses."""
    node.workerinput[DIRECTORY] = str(node.config.stash[_SERVERS].directory)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with what takes long."""
    if hasattr(config, "workerinput"):
        from tests.support.scheduling import longest_first

        longest_first(items)


@pytest.hookimpl(tryfirst=True)  # before xdist reports that this worker has collected
def pytest_collection_finish(session: pytest.Session) -> None:
    """Ask the controller for servers where one of the tests to run uses them."""
    gc.freeze()  # modules and tests stay to the end: no collection needs to look through them
    if any("servers" in getattr(item, "fixturenames", ()) for item in session.items):
        session.config.stash[_SERVERS].need()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """Start the servers that a worker asked for, before any test is given out."""
    node.config.stash[_SERVERS].start_if_needed()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, however the run ended."""
    config.stash[_SERVERS].stop()


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> None:
    """PostgreSQL, Valkey and moto, shared by the whole run."""
    pytestconfig.stash[_SERVERS].use()
    from tests.support.shop import SHARED_DATABASE  # imported when the environment is set

    os.environ[SHARED_DATABASE] = os.environ["DATABASE_URL"].rpartition("/")[2]


@pytest.fixture(scope="session")
def database_url(servers: None) -> str:
    """The migrated database that all tests share."""
    return os.environ["DATABASE_URL"]


@pytest.fixture
def own_database_url(servers: None) -> Iterator[str]:
    """A migrated database of the test's own, for tests that read whole tables."""
    from tests.support import backends

    with backends.own_database(os.environ["SUPERUSER_URL"]) as url:
        yield url


@pytest.fixture(scope="session")
def shop_environment(servers: None) -> Iterator[None]:
    """Provide what a handler needs: database, cache, idempotency table, queues, bus.

    Nothing nudges the relay: none runs here.
    """
    from commerce.runtime.cache import valkey
    from commerce.runtime.db import pipeline
    from tests.support import nudges

    nudges.silence()

    # So that tests on a slow machine see the cache, and keep their connection.
    valkey.TIMEOUT_SECONDS = 3.0
    pipeline.PROBE_SECONDS = 8.0
    yield
    nudges.restore()
    from commerce.runtime.db.current import database  # imported when the environment is set

    database().close()


@pytest.fixture
def own_shop(
    own_database_url: str, shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Let this test's handlers use a database of its own; its URL."""
    from commerce.app.ranking_boards import ranking_weights
    from commerce.runtime.db.current import database
    from tests.support.valkey import empty_valkey

    empty_valkey()  # its entries are of another database
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    database().close()
    ranking_weights.cache_clear()
    yield own_database_url
    database().close()
    ranking_weights.cache_clear()
    empty_valkey()


@pytest.fixture(autouse=True, scope="module")
def purge_nudge_queues() -> Iterator[None]:
    """Empty the queues of nudges, where a test may have sent some."""
    yield
    if "RELAY_QUEUE_URL" in os.environ and "commerce.runtime.aws" in sys.modules:
        from tests.support.queues import purge_nudges

        purge_nudges()


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
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords be hashed in no time: what a hash costs has its own tests."""
    from argon2 import PasswordHasher, profiles

    from commerce.user import passwords  # imported when the environment is set

    hasher = PasswordHasher.from_parameters(profiles.CHEAPEST)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    monkeypatch.setattr(passwords, "_NOBODY", hasher.hash(secrets.token_bytes()))


@pytest.fixture
def beacon(monkeypatch: pytest.MonkeyPatch) -> "Iterator[BeaconServer]":
    """A beacon of the test's own, which draws drops."""
    from tests.support.beacon import a_beacon

    with a_beacon() as (server, relays):
        monkeypatch.setenv("BEACON_URLS", relays)
        monkeypatch.setenv("BEACON_CHAIN", "SIMULATED")
        yield server


@pytest.fixture
def delivery(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Delivery]":
    """A delivery system of the test's own, which the functions use."""
    from tests.support.delivery import a_delivery_system

    with a_delivery_system() as running:
        monkeypatch.setenv("DELIVERY_URL", running.url)
        monkeypatch.setenv("DELIVERY_SECRET", running.secret)
        yield running


@pytest.fixture
def gateway(
    topic: "OpsTopic", shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> "Iterator[RunningGateway]":
    """A healthy, fast payment gateway of the test's own, whose callbacks arrive."""
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
    """The operators' topic; shipping fails for good after three tries without pauses."""
    from tests.support.queues import an_ops_topic

    made = an_ops_topic()
    monkeypatch.setenv("OPS_TOPIC_ARN", made.arn)
    monkeypatch.setenv("SHIPPING_RETRY_BASE_SECONDS", "0")
    monkeypatch.setenv("SHIPPING_MAX_TRIES", "3")
    return made
