"""Sessions behind a proxy such as RDS Proxy start without settings, and their role has them."""

import secrets
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest

from commerce.runtime.db.connection import SESSION, Database, LoginRefused, connect
from commerce.runtime.db.pipeline import Query
from commerce.shared.errors import Unavailable
from tests.support import backends
from tests.support.proxy import PostgresProxy, postgres_proxy


@pytest.fixture
def own_role_url(own_database_url: str) -> Iterator[str]:
    """A database of the test's own, reached as a role of its own that may change the schema."""
    role, password = f"role_{secrets.token_hex(4)}", "p/@:#%"
    backends.run(
        own_database_url, f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE lastunit"
    )
    parts = urlsplit(own_database_url)
    place = parts.netloc.rpartition("@")[2]
    yield parts._replace(netloc=f"{role}:{quote(password, safe='')}@{place}").geturl()
    backends.run(own_database_url, f"DROP ROLE {role}")


@pytest.fixture
def proxy(own_role_url: str) -> Iterator[PostgresProxy]:
    """A proxy before that database which, as RDS Proxy, refuses settings when a session begins."""
    with postgres_proxy(own_role_url) as found:
        found.refuses_options = True
        yield found


def settings_of(url: str) -> dict[str, str]:
    """Return the settings of a session that functions rely on."""
    database = Database(lambda: url)
    try:
        rows = database.run([Query(f"SHOW {name}") for name in SESSION])
    finally:
        database.close()
    return {name: getattr(row[0], name) for name, row in zip(SESSION, rows, strict=True)}


RELIED_ON = {"lock_timeout": "3s", "statement_timeout": "5s", "enable_incremental_sort": "off"}


def test_the_proxy_refuses_a_session_with_settings(proxy: PostgresProxy) -> None:
    with pytest.raises(Unavailable):
        connect(proxy.url)


def test_migrating_sets_the_roles_time_outs(proxy: PostgresProxy) -> None:
    url = f"{proxy.url}?session=role"
    assert settings_of(url) != RELIED_ON

    backends.migrate(url)

    assert settings_of(url) == RELIED_ON


def test_without_a_proxy_the_role_is_unchanged(own_role_url: str) -> None:
    backends.migrate(own_role_url)
    assert settings_of(f"{own_role_url}?session=role") != RELIED_ON
    assert settings_of(own_role_url) == RELIED_ON


def test_a_rotated_password_is_read_again(own_role_url: str) -> None:
    outdated = own_role_url.replace(quote("p/@:#%", safe=""), "outdated")
    database = Database(lambda: outdated, lambda: own_role_url)
    try:
        assert database.run([Query("SELECT 1 AS one")])[0][0].one == 1
    finally:
        database.close()
    with pytest.raises(LoginRefused):
        Database(lambda: outdated, lambda: outdated).run([Query("SELECT 1")])
