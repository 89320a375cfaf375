"""The servers beside a LocalStack without any: none is named, compose.yaml's are not up.

    python -m infra.local.localstack_servers DIRECTORY     start and hold them until SIGTERM

`make localstack` runs that in the background.
They are those of `make up`, in .local/localstack, on ports of their own. They stay for those who
use the deployed stack; `make down` ends them.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pg8000.native

from infra.local.beacon import start_beacon
from infra.local.delivery import delivery_secret, start_delivery
from infra.local.env_file import read_env, write_env
from infra.local.errors import ServerFailed
from infra.local.gateway import gateway_secret, start_gateway
from infra.local.ports import Ports
from infra.local.postgres import start_postgres
from infra.local.process import ProcessRecord, Server
from infra.local.system import LocalSystem, ignore_signals
from infra.local.valkey import start_valkey
from infra.template import ROOT

DIRECTORY = ROOT / ".local" / "localstack"
NAME = "localstack-servers"
START_TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.2
CONNECT_TIMEOUT_SECONDS = 3
WATCH_SECONDS = 1
SERVERS: dict[str, Callable[[Path, int], Server]] = {
    "postgres": start_postgres,
    "valkey": start_valkey,
    "delivery": start_delivery,
    "gateway": start_gateway,
    "beacon": start_beacon,
}
_started: list[subprocess.Popen[bytes]] = []  # it outlives this process, which waits for none


def are_composed(database_url: str) -> bool:
    """Tell whether the database of compose.yaml answers, and so the network of its containers."""
    url = urlsplit(database_url)
    try:
        with closing(
            pg8000.native.Connection(
                url.username or "",
                password=url.password,
                host=url.hostname or "",
                port=url.port or 5432,
                database=url.path.lstrip("/"),
                timeout=CONNECT_TIMEOUT_SECONDS,
            )
        ):
            return True
    except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
        return False


def ensure_servers(directory: Path = DIRECTORY) -> dict[str, str]:
    """Start what does not run yet and say what was started; returns the addresses by variable.

    Raises ServerFailed where they are not up in time.
    """
    addresses = _addresses(directory)
    record = ProcessRecord.read(_record_file(directory))
    if record is not None and record.process() is not None and addresses.exists():
        print("The servers beside LocalStack run already.")
        return read_env(addresses)
    addresses.unlink(missing_ok=True)
    log = directory / "log" / f"{NAME}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    print("No address is named and compose.yaml's servers do not answer: starting our own.")
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", __name__, directory],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _started.append(keeper)
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not addresses.exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.terminate()
            raise ServerFailed("The servers beside LocalStack", "did not start", log)
        time.sleep(POLL_SECONDS)
    started = read_env(addresses)
    for name in ("DATABASE_URL", "VALKEY_URL", "DELIVERY_URL", "GATEWAY_URL", "BEACON_URL"):
        print(f"  {name:<13} {started[name].rpartition('@')[2]}")
    print("They stay until make down.")
    return started


def end_servers_beside(directory: Path = DIRECTORY) -> list[str]:
    """End the servers beside LocalStack; returns what was ended."""
    file = _record_file(directory)
    record = ProcessRecord.read(file)
    ended = record is not None and record.end(grace_seconds=60)
    file.unlink(missing_ok=True)
    return [NAME] if ended else []


def _record_file(directory: Path) -> Path:
    return directory / "run" / f"{NAME}.json"


def _addresses(directory: Path) -> Path:
    return directory / "run" / "addresses"


def hold(directory: Path) -> None:
    """Start the servers, write their addresses, and stay until a signal."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    ports_file = directory / "ports.json"
    system = LocalSystem(directory, _ports(ports_file))
    ProcessRecord.of(NAME, os.getpid(), signal.SIGTERM, directory).write(_record_file(directory))
    try:
        for name, start in SERVERS.items():
            system.start_server(name, start)
        system.ports.remember(ports_file)
        servers = system.servers
        write_env(
            _addresses(directory),
            {
                "DATABASE_URL": servers["postgres"].url,
                "VALKEY_URL": servers["valkey"].url,
                "DELIVERY_URL": servers["delivery"].url,
                "GATEWAY_URL": servers["gateway"].url,
                "BEACON_URL": servers["beacon"].url,
                "GATEWAY_SECRET": gateway_secret(directory),
                "DELIVERY_SECRET": delivery_secret(directory),
            },
        )
        while True:
            time.sleep(WATCH_SECONDS)
            system.require_running()
    except KeyboardInterrupt:
        pass
    finally:
        ignore_signals()
        _addresses(directory).unlink(missing_ok=True)
        system.stop()


def _ports(remembered: Path) -> Ports:
    return Ports.from_environment({}, remembered) if remembered.exists() else Ports.free()


if __name__ == "__main__":
    hold(Path(sys.argv[1]))
