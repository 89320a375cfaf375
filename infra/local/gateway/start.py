"""Start the gateway as a process of its own."""

from pathlib import Path

from infra.local.process import Server
from infra.local.signatures import kept_secret
from infra.local.simulator import start_simulator


def gateway_secret(directory: Path) -> str:
    """Return what the gateway signs with: made on first use, kept in the directory."""
    return kept_secret(directory, "gateway")


def start_gateway(directory: Path, port: int, time_scale: float = 1.0) -> Server:
    """Start the simulator; it keeps its payments in directory/gateway.jsonl over restarts."""
    arguments = ("--state", directory / "gateway.jsonl", "--time-scale", str(time_scale))
    secret = gateway_secret(directory)
    return start_simulator("gateway", directory, port, *arguments, GATEWAY_SECRET=secret)
