"""Servers start where they are told, say what is wrong, and leave nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local.down import end_everything, end_servers
from infra.local.errors import LocalError, PortInUse, ServerFailed
from infra.local.ports import LOOPBACK, Ports, require_free
from infra.local.process import ProcessRecord, Server, start_server

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {"PATH": os.defpath}
# A server with a worker of its own, as the emulator has, that names its directory.
WITH_WORKER = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]])
print(worker.pid, flush=True)
time.sleep(600)
"""
SLEEPING = """
import time
print("ready", flush=True)
time.sleep(600)
"""
IGNORING_SIGTERM = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def started() -> Iterator[list[Server]]:
    servers: list[Server] = []
    yield servers
    for server in servers:
        server.stop(grace_seconds=0.1)


def start(directory: Path, program: str, started: list[Server]) -> Server:
    command = [sys.executable, "-c", program, str(directory)]
    server = start_server(
        "example", command, url="http://nowhere", directory=directory, environment=ENVIRONMENT
    )
    started.append(server)
    return server


def log_of(server: Server) -> str:
    deadline = time.monotonic() + 10
    while not (text := server.log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return text


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _lives(pid)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_port_in_use_names_the_variable_to_set() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(PortInUse, match=rf"{port}.*make up VALKEY_PORT=\d+"):
            require_free("valkey", port)


def test_make_up_ends_with_an_error_where_a_port_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        other.listen()
        port = other.getsockname()[1]
        program = (
            "import sys; from pathlib import Path; from infra.local import up; "
            "up.DIRECTORY = Path(sys.argv[1]); up.main()"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "local")],
            cwd=ROOT,
            env={**ENVIRONMENT, "POSTGRES_PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert ended.returncode == 1
    assert "POSTGRES_PORT" in ended.stdout
    assert end_everything(tmp_path / "local") == []


@pytest.mark.parametrize("value", ["http", "0", "80", "70000", "-1", "15432.5"])
def test_an_invalid_port_is_refused(value: str) -> None:
    with pytest.raises(LocalError, match=f"EMULATOR_PORT={value} is no port"):
        Ports.from_environment({"EMULATOR_PORT": value})


def test_two_servers_do_not_share_a_port() -> None:
    with pytest.raises(LocalError, match="a port of its own"):
        Ports.from_environment({"EMULATOR_PORT": "18081"})


def test_ports_come_from_the_environment_or_the_documented_defaults() -> None:
    assert Ports.from_environment({"VALKEY_PORT": "26379", "DELIVERY_PORT": ""}) == Ports(
        postgres=15432, valkey=26379, emulator=14566, delivery=18081, gateway=18082, beacon=18083
    )


def test_a_server_that_ends_at_once_is_reported_with_its_log(
    tmp_path: Path, started: list[Server]
) -> None:
    server = start(tmp_path, "import sys; sys.exit('no such thing')", started)

    with pytest.raises(ServerFailed, match="ended with code 1") as failure:
        server.wait_until(lambda: False, timeout_seconds=10)
    assert "no such thing" in str(failure.value)


def test_a_server_that_is_not_ready_in_time_is_ended(tmp_path: Path, started: list[Server]) -> None:
    server = start(tmp_path, "import time; time.sleep(600)", started)

    with pytest.raises(ServerFailed, match="was not ready"):
        server.wait_until(lambda: False, timeout_seconds=0.2)
    assert not server.is_running()


def test_a_foreign_program_on_the_port_does_not_count_as_the_server(
    tmp_path: Path, started: list[Server]
) -> None:
    server = start(tmp_path, "pass", started)
    wait_until_gone(server.pid)

    with pytest.raises(ServerFailed):
        server.wait_until(lambda: True, timeout_seconds=10)


def test_stopping_a_server_ends_its_workers(tmp_path: Path, started: list[Server]) -> None:
    server = start(tmp_path, WITH_WORKER, started)
    worker = int(log_of(server))

    server.stop()
    server.stop()

    wait_until_gone(worker)
    assert not server.is_running()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_server_that_ignores_the_signal_is_killed(tmp_path: Path, started: list[Server]) -> None:
    server = start(tmp_path, IGNORING_SIGTERM, started)
    log_of(server)

    server.stop(grace_seconds=0.2)

    assert not server.is_running()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux signals orphans")
def test_a_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    program = f"""
import signal, sys, time
from pathlib import Path
from infra.local.process import start_server
server = start_server("example", [sys.executable, "-c", {SLEEPING!r}],
                      url="", directory=Path(sys.argv[1]), environment={ENVIRONMENT!r})
while not server.log.read_text():  # it has set itself up
    time.sleep(0.02)
print(server.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent, parent.stdout:
        server = int(parent.stdout.readline())
        parent.kill()

    wait_until_gone(server)


def test_servers_of_a_killed_starter_are_ended_from_their_record(
    tmp_path: Path, started: list[Server]
) -> None:
    server = start(tmp_path, WITH_WORKER, started)
    worker = int(log_of(server))
    (tmp_path / "run" / "example.json").rename(tmp_path / "run" / "emulator.json")

    assert end_servers(tmp_path) == ["emulator"]

    wait_until_gone(server.pid)
    wait_until_gone(worker)
    assert end_servers(tmp_path) == []


def test_orphaned_workers_of_a_server_are_found(tmp_path: Path, started: list[Server]) -> None:
    server = start(tmp_path, WITH_WORKER, started)
    worker = int(log_of(server))
    record = ProcessRecord.read(tmp_path / "run" / "example.json")
    assert record is not None
    os.kill(server.pid, signal.SIGKILL)
    wait_until_gone(server.pid)

    assert record.end(grace_seconds=1)

    wait_until_gone(worker)


def test_a_reused_pid_is_not_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        try:
            born = psutil.Process(stranger.pid).create_time()
            record = ProcessRecord("postgres", stranger.pid, born - 5, signal.SIGKILL, "/x")
            record.write(tmp_path / "run" / "postgres.json")

            assert end_everything(tmp_path) == []

            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_a_damaged_process_record_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "valkey.json").write_text('{"pid": 1')

    assert end_everything(tmp_path) == []
