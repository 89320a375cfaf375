"""The server processes of the shops."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import urllib3

from infra.local.ports import LOOPBACK
from infra.local.process import Server, start_server

READY_SECONDS = 180


def started(
    command: Sequence[str | Path],
    port: int,
    directory: Path,
    environment: Mapping[str, str],
    *,
    answers_at: str,
) -> Server:
    """Start a server that listens on the port, and return once a path of it answers 200."""
    url = f"http://{LOOPBACK}:{port}"
    name = f"{Path(command[0]).name}-{port}"
    server = start_server(name, command, url=url, directory=directory, environment=environment)
    server.wait_until(lambda: _is_ok(url + answers_at), READY_SECONDS)
    return server


def _is_ok(url: str) -> bool:
    try:
        return urllib3.request("GET", url, retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
