"""Start the gateway as a process of its own."""

import os
import sys
from pathlib import Path

from infra.local.json_server import listens
from infra.local.ports import LOOPBACK, require_free
from infra.local.process import Server, start_server
from infra.local.signatures import kept_secret

READY_TIMEOUT_SECONDS = 15


def gateway_secret(directory: Path) -> str:
    """Return what the gateway signs with: made on first use, kept in the directory."""
    return kept_secret(directory, "gateway")


def start_gateway(directory: Path, port: int, time_scale: float = 1.0) -> Server:
    """Start the simulator; it keeps its payments in directory/gateway.jsonl over restarts."""
    require_free("gateway", port)
    root = Path(__file__).parents[3]
    server = start_server(
        "gateway",
        [
            *(sys.executable, "-m", "infra.local.gateway", "--port", str(port)),
            *("--state", directory / "gateway.jsonl", "--time-scale", str(time_scale)),
        ],
        url=f"http://{LOOPBACK}:{port}",
        directory=directory,
        environment={
            "PATH": os.defpath,
            "PYTHONPATH": str(root),
            "LC_ALL": "C.UTF-8",
            "GATEWAY_SECRET": gateway_secret(directory),
        },
    )
    server.wait_until(lambda: listens(port), READY_TIMEOUT_SECONDS)
    return server
