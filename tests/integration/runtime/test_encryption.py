"""sslmode means what libpq's documentation says; what is unknown is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from commerce.runtime.db.connection import LoginRefused, connect
from commerce.runtime.db.encryption import InvalidUrl
from commerce.shared.errors import Unavailable
from tests.support.fake_postgres import FakePostgres, a_certificate, fake_postgres


@pytest.fixture
def server() -> Iterator[FakePostgres]:
    with fake_postgres() as found:
        yield found


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return a_certificate(tmp_path)


def sessions(server: FakePostgres, query: str) -> list[bool]:
    """Connect, and return for each session that was begun whether it was encrypted."""
    connect(f"{server.url}{query}").close()
    return server.sessions


@pytest.mark.parametrize(
    ("query", "encrypted"),
    [
        ("", True),
        ("?sslmode=disable", False),
        ("?sslmode=allow", False),
        ("?sslmode=prefer", True),
        ("?sslmode=require", True),
    ],
)
def test_a_mode_without_verification_encrypts_as_libpq_does(
    server: FakePostgres, certificate: Path, query: str, *, encrypted: bool
) -> None:
    server.certificate = certificate
    assert sessions(server, query) == [encrypted]


@pytest.mark.parametrize("query", ["", "?sslmode=disable", "?sslmode=allow", "?sslmode=prefer"])
def test_a_mode_that_may_do_without_encryption_does(server: FakePostgres, query: str) -> None:
    assert sessions(server, query) == [False]


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_mode_that_needs_encryption_refuses_a_server_without(
    server: FakePostgres, certificate: Path, mode: str
) -> None:
    with pytest.raises(Unavailable):
        connect(f"{server.url}?sslmode={mode}&sslrootcert={certificate}")
    assert server.sessions == []


@pytest.mark.parametrize(
    ("mode", "refused", "attempts"),
    [("allow", False, [False, True]), ("prefer", True, [True, False])],
)
def test_a_refused_session_is_tried_the_other_way(
    server: FakePostgres, certificate: Path, mode: str, *, refused: bool, attempts: list[bool]
) -> None:
    server.certificate, server.refused = certificate, refused
    assert sessions(server, f"?sslmode={mode}") == attempts


@pytest.mark.parametrize(("mode", "refused"), [("disable", False), ("require", True)])
def test_a_mode_that_allows_one_way_does_not_try_the_other(
    server: FakePostgres, certificate: Path, mode: str, *, refused: bool
) -> None:
    server.certificate, server.refused = certificate, refused
    with pytest.raises(LoginRefused):
        connect(f"{server.url}?sslmode={mode}")
    assert server.sessions == [refused]


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_root_certificate_is_what_the_server_is_verified_with(
    server: FakePostgres, certificate: Path, tmp_path: Path, mode: str
) -> None:
    server.certificate = certificate
    assert sessions(server, f"?sslmode={mode}&sslrootcert={certificate}") == [True]
    (tmp_path / "other").mkdir()
    with pytest.raises(Unavailable):
        connect(f"{server.url}?sslmode={mode}&sslrootcert={a_certificate(tmp_path / 'other')}")
    assert server.sessions == [True]


@pytest.mark.parametrize(("mode", "accepted"), [("verify-ca", True), ("verify-full", False)])
def test_only_verify_full_checks_the_name(
    server: FakePostgres, tmp_path: Path, mode: str, *, accepted: bool
) -> None:
    server.certificate = a_certificate(tmp_path, "elsewhere.example")
    url = f"{server.url}?sslmode={mode}&sslrootcert={server.certificate}"
    if accepted:
        connect(url).close()
    else:
        with pytest.raises(Unavailable):
            connect(url)
    assert server.sessions == [True] * accepted


@pytest.mark.parametrize("query", ["", "&sslrootcert=system"])
def test_verify_full_trusts_the_systems_authorities_by_default(
    server: FakePostgres, certificate: Path, query: str
) -> None:
    server.certificate = certificate
    with pytest.raises(Unavailable):
        connect(f"{server.url}?sslmode=verify-full{query}")
    assert server.sessions == []


@pytest.mark.parametrize(
    "query",
    [
        "sslmode=",
        "sslmode=Require",
        "sslmode=required",
        "sslmode=verify_full",
        "sslmode=require%20",
        "sslmode=require&sslmode=disable",
        "sslmode=verify-ca",
        "sslmode=verify-ca&sslrootcert=system",
        "sslmode=verify-full&sslrootcert=/none.pem",
        "sslmode=require&sslrootcert=/none.pem",
        "sslMode=require",
        "ssl=true",
        "sslmode=require&session=none",
    ],
)
def test_what_is_not_known_is_refused(server: FakePostgres, query: str) -> None:
    with pytest.raises(InvalidUrl):
        connect(f"{server.url}?{query}")
    assert server.sessions == []
