"""Sessions behind a proxy such as RDS Proxy start without settings, and their role has them."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest

from commerce.runtime.db.connection import (
    MEANING,
    SESSION,
    Database,
    LoginRefused,
    WrongSession,
    connect,
)
from commerce.runtime.db.pipeline import Query
from commerce.shared.errors import Unavailable
from tests.support import backends
from tests.support.fake_postgres import fake_postgres
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
        rows = database.run([Query("SELECT current_setting($1)", [name]) for name in SESSION])
    finally:
        database.close()
    return {name: row[0][0] for name, row in zip(SESSION, rows, strict=True)}


RELIED_ON = {
    "lock_timeout": "3s",
    "statement_timeout": "5s",
    "enable_incremental_sort": "off",
    **MEANING,
    "DateStyle": "ISO, MDY",
}


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


OTHER_MEANINGS = [
    ("datestyle", "SQL, DMY"),
    ("datestyle", "German"),
    ("intervalstyle", "iso_8601"),
    ("timezone", "Asia/Kolkata"),
    ("client_encoding", "LATIN1"),
    ("bytea_output", "escape"),
    ("extra_float_digits", "0"),
    ("standard_conforming_strings", "off"),
    ("array_nulls", "off"),
    ("transform_null_equals", "on"),
    ("default_transaction_isolation", "serializable"),
]
VALUES = [
    ("date", date(2026, 3, 4)),
    ("timestamptz", datetime(2026, 3, 4, 23, 30, tzinfo=UTC)),
    ("interval", timedelta(days=1, hours=2, seconds=3.5)),
    ("text", "caf\N{LATIN SMALL LETTER E WITH ACUTE} \N{GRINNING FACE} \\"),
    ("bytea", b"\x00\\\xff"),
    ("float8", 0.1 + 0.2),
    ("text[]", [None, "a"]),
]


def set_on_role(own_role_url: str, superuser_url: str, setting: str, value: str) -> None:
    role = urlsplit(own_role_url).username
    words = ", ".join(f"'{each}'" for each in value.split(", "))
    backends.run(superuser_url, f"ALTER ROLE {role} SET {setting} TO {words}")


@pytest.mark.parametrize(("setting", "value"), OTHER_MEANINGS)
def test_values_are_read_right_whatever_the_role_has_set(
    own_role_url: str, own_database_url: str, setting: str, value: str
) -> None:
    set_on_role(own_role_url, own_database_url, setting, value)
    database = Database(lambda: own_role_url)
    try:
        rows = database.run([Query(f"SELECT $1::{type_}", [each]) for type_, each in VALUES])
        [[day]] = database.run([Query("SELECT ('2026-03-04T23:30Z'::timestamptz)::date")])
    finally:
        database.close()
    assert [row[0][0] for row in rows] == [each for _, each in VALUES]
    assert day[0] == date(2026, 3, 4)


@pytest.mark.parametrize(("setting", "value"), OTHER_MEANINGS)
def test_behind_a_proxy_a_session_with_other_meanings_is_refused(
    own_role_url: str,
    own_database_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    value: str,
) -> None:
    set_on_role(own_role_url, own_database_url, setting, value)
    monkeypatch.setattr(logging.getLogger("commerce"), "propagate", True)
    with postgres_proxy(own_role_url) as proxy, pytest.raises(WrongSession):
        connect(f"{proxy.url}?session=role")
    assert setting in caplog.text.lower()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("datestyle", "ISO, DMY"), ("timezone", "Etc/UTC"), ("extra_float_digits", "3")],
)
def test_behind_a_proxy_another_name_of_the_same_meaning_is_served(
    own_role_url: str, own_database_url: str, setting: str, value: str
) -> None:
    set_on_role(own_role_url, own_database_url, setting, value)
    with postgres_proxy(own_role_url) as proxy:
        connect(f"{proxy.url}?session=role").close()


def test_migrating_pins_what_another_setting_of_the_role_would_change(
    own_role_url: str, own_database_url: str
) -> None:
    set_on_role(own_role_url, own_database_url, "datestyle", "SQL, DMY")
    backends.migrate(f"{own_role_url}?session=role")
    assert settings_of(f"{own_role_url}?session=role") == RELIED_ON


@pytest.mark.parametrize(
    ("reported", "is_served"),
    [
        ({"DateStyle": "ISO, MDY", "client_encoding": "UTF8"}, True),
        ({"DateStyle": "SQL, DMY"}, False),
        ({"client_encoding": "SQL_ASCII"}, False),
        ({"TimeZone": "Asia/Seoul"}, False),
    ],
)
def test_a_pooler_that_drops_session_settings_is_refused(
    reported: dict[str, str], *, is_served: bool
) -> None:
    with fake_postgres() as server:
        server.reported = reported
        with nullcontext() if is_served else pytest.raises(WrongSession):
            connect(server.url).close()


def test_a_rotated_password_is_read_again(own_role_url: str) -> None:
    outdated = own_role_url.replace(quote("p/@:#%", safe=""), "outdated")
    database = Database(lambda: outdated, lambda: own_role_url)
    try:
        assert database.run([Query("SELECT 1 AS one")])[0][0].one == 1
    finally:
        database.close()
    with pytest.raises(LoginRefused):
        Database(lambda: outdated, lambda: outdated).run([Query("SELECT 1")])
