"""The embedded PostgreSQL and Redis-compatible server are set up as production would be."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native
import psutil
import pytest
import redis

from tests.support.servers import Servers, start_servers


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="module")
def local_servers(directory: Path) -> Iterator[Servers]:
    running = start_servers(directory)
    yield running
    running.stop()


def connect(url: str) -> pg8000.native.Connection:
    parts = urlsplit(url)
    return pg8000.native.Connection(
        parts.username or "",
        host=parts.hostname or "",
        port=parts.port or 0,
        database=parts.path.lstrip("/"),
        password=parts.password,
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("lock_timeout", "3s"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ],
)
def test_the_database_has_the_settings_that_functions_rely_on(
    local_servers: Servers, setting: str, value: str
) -> None:
    with closing(connect(local_servers.database_url)) as connection:
        assert connection.run(f"SHOW {setting}") == [[value]]


def test_the_owner_may_create_tables_but_is_no_superuser(local_servers: Servers) -> None:
    with closing(connect(local_servers.database_url)) as connection:
        connection.run("CREATE TABLE example (id int)")
        connection.run("DROP TABLE example")
        rows = connection.run(
            "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
    assert rows == [[False, False]]


def test_a_wrong_password_is_refused(local_servers: Servers) -> None:
    password = urlsplit(local_servers.database_url).password or ""
    with pytest.raises(pg8000.exceptions.DatabaseError, match="28P01"):
        connect(local_servers.database_url.replace(password, "wrong"))


def test_password_files_are_readable_by_the_owner_only(
    local_servers: Servers, directory: Path
) -> None:
    assert (directory / "postgres-passwords").stat().st_mode & 0o077 == 0


def test_all_servers_listen_on_loopback_only(local_servers: Servers) -> None:
    for server in (local_servers.postgres, local_servers.valkey):
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(server.pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"], server.name


def test_data_and_passwords_survive_a_restart_on_other_ports(tmp_path: Path) -> None:
    first = start_servers(tmp_path)
    try:
        with closing(connect(first.database_url)) as connection:
            connection.run("CREATE TABLE kept (id int)")
        with redis.Redis.from_url(first.valkey_url) as valkey:
            valkey.set("kept", "yes")
    finally:
        first.stop()

    second = start_servers(tmp_path)
    try:
        with closing(connect(second.database_url)) as connection:
            assert connection.run("SELECT count(*) FROM kept") == [[0]]
        with redis.Redis.from_url(second.valkey_url) as valkey:
            assert valkey.get("kept") == b"yes"
    finally:
        second.stop()
    assert not first.postgres.is_running()
    assert not second.postgres.is_running()
