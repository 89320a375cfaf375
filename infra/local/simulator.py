"""Start a simulator of a system outside as a process of its own."""

import os
import sys
from pathlib import Path

from infra.local.json_server import listens
from infra.local.ports import LOOPBACK, require_free
from infra.local.process import Server, start_server

ROOT = Path(__file__).parents[2]  # a simulator's image has few packages, and so not infra.template
READY_TIMEOUT_SECONDS = 15


def start_simulator(
    name: str, directory: Path, port: int, *arguments: str | Path, **environment: str
) -> Server:
    """Start the module infra.local.NAME on this port, and wait until it listens.

    Args:
        name: the simulator's; its log and its record in `directory` have it, too.
        directory: the local system's.
        port: a free port of loopback.
        arguments: what its command line has besides the port.
        environment: the only variables that it gets, besides those that Python needs.

    Raises:
        PortInUse, ServerFailed.
    """
    require_free(name, port)
    server = start_server(
        name,
        [sys.executable, "-m", f"infra.local.{name}", "--port", str(port), *arguments],
        url=f"http://{LOOPBACK}:{port}",
        directory=directory,
        environment={
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            **environment,
        },
    )
    server.wait_until(lambda: listens(port), READY_TIMEOUT_SECONDS)
    return server
