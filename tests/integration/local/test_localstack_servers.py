"""A LocalStack without database, cache and simulators gets some, until `make down`."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis
import urllib3

from infra.local import localstack
from infra.local.localstack_servers import are_composed, end_servers_beside, ensure_servers
from infra.local.process import ProcessRecord


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    end_servers_beside(tmp_path)


def running_in(directory: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"] or ())
        for process in psutil.process_iter(["cmdline"])
        if str(directory) in " ".join(process.info["cmdline"] or ())
    ]


def test_its_own_servers_answer_stay_and_end_together(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = ensure_servers(directory)
    said = capsys.readouterr().out
    assert are_composed(started["DATABASE_URL"])
    assert redis.Redis.from_url(started["VALKEY_URL"]).ping()
    for name in ("DELIVERY_URL", "GATEWAY_URL"):
        assert urllib3.request("GET", f"{started[name]}/requests", retries=False).status < 500
        assert started[name] in said
    assert min(len(started[f"{name}_SECRET"]) for name in ("GATEWAY", "DELIVERY")) >= 16

    assert ensure_servers(directory) == started
    assert "run already" in capsys.readouterr().out

    assert end_servers_beside(directory) == ["localstack-servers"]
    assert running_in(directory) == []
    assert end_servers_beside(directory) == []


def test_servers_of_a_killed_keeper_end_with_it_and_start_again(directory: Path) -> None:
    before = ensure_servers(directory)
    record = ProcessRecord.read(directory / "run" / "localstack-servers.json")
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(record.pid)], timeout=10)

    again = ensure_servers(directory)

    assert again["DATABASE_URL"] == before["DATABASE_URL"]
    assert are_composed(again["DATABASE_URL"])


@pytest.mark.parametrize("named", ["DATABASE_URL", "GATEWAY_URL"])
def test_named_servers_are_used_and_none_is_started(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> None:
        pytest.fail("servers were started")

    monkeypatch.setattr(localstack, "ensure_servers", start)
    environment = {named: "http://192.0.2.1:1"}
    localstack._name_servers(environment)
    assert environment == {named: "http://192.0.2.1:1"}
