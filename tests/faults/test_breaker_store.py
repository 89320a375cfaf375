"""Valkey stopped, hanging or answering rubbish: the circuit breaker stays closed."""

import os
from pathlib import Path

import pytest

from commerce.payment.breaker import Permit, Rejected
from commerce.runtime.cache import valkey
from infra.local.ports import Ports
from infra.local.valkey import start_valkey
from tests.support.breakers import FAILED, WatchedBreaker
from tests.support.valkey import a_server_that_says, hanging

TIMEOUT_SECONDS = 0.1

RUBBISH = {
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an error": b"-ERR no\r\n",
    "loading": b"-LOADING Redis is loading the dataset in memory\r\n",
    "OK": b"+OK\r\n",
    "nothing": b"*0\r\n",
    "an unknown state": b"*6\r\n+trial\r\n:1\r\n+ajar\r\n+open\r\n:1\r\n:1\r\n",
    "no number": b"*2\r\n+rejected\r\n+soon\r\n",
}


@pytest.fixture(autouse=True)
def as_impatient_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time-outs as they are; the other tests have longer ones."""
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", TIMEOUT_SECONDS)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The reasons for skipping Valkey, each of which cost a time-out or an error."""
    noted: list[str] = []
    skip = valkey.Valkey._skip

    def note(self: valkey.Valkey, reason: str) -> None:
        noted.append(reason)
        skip(self, reason)

    monkeypatch.setattr(valkey.Valkey, "_skip", note)
    monkeypatch.setattr(valkey, "SKIP_SECONDS", 60)
    return noted


def test_a_stopped_valkey_lets_every_call_through(tmp_path: Path, waits: list[str]) -> None:
    server = start_valkey(tmp_path, Ports.free().valkey)
    try:
        breaker = WatchedBreaker(url=server.url)
        breaker.calls([FAILED] * 10)
        assert isinstance(breaker.admit(), Rejected)
    finally:
        server.stop()
    assert breaker.calls([FAILED] * 20) == 20
    assert len(waits) == 1


def test_a_hanging_valkey_costs_the_breaker_one_time_out(tmp_path: Path, waits: list[str]) -> None:
    server = start_valkey(tmp_path, Ports.free().valkey)
    try:
        breaker = WatchedBreaker(url=server.url)
        breaker.calls([FAILED] * 10)
        assert isinstance(breaker.admit(), Rejected)
        with hanging(server.pid):
            assert breaker.calls([FAILED] * 20) == 20
        assert ["Timeout" in reason for reason in waits] == [True]
    finally:
        server.stop()


def test_a_report_to_a_hanging_valkey_changes_nothing(tmp_path: Path) -> None:
    server = start_valkey(tmp_path, Ports.free().valkey)
    try:
        breaker = WatchedBreaker(url=server.url)
        permit = breaker.admit()
        assert isinstance(permit, Permit)
        with hanging(server.pid):
            breaker.report(permit, [FAILED] * 10)
        assert breaker.changes == []
    finally:
        server.stop()


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH)
def test_invalid_answers_of_valkey_let_every_call_through(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "SKIP_SECONDS", 0)  # so that every command is sent
    with a_server_that_says(answer) as url:
        assert WatchedBreaker(url=url).calls([FAILED] * 20) == 20


def test_an_invalid_stored_state_lets_every_call_through(shop_environment: None) -> None:
    breaker = WatchedBreaker()
    with valkey.connect(os.environ["VALKEY_URL"]) as server:
        for kept in (b"\xfe rubbish", b"[]", b"7", b'{"state": "ajar"}'):
            server.set(breaker._key, kept)
            assert breaker.calls([FAILED] * 20) == 20
