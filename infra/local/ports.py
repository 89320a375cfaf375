"""The loopback ports of the local servers."""

import json
import os
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import psutil

from infra.local.errors import LocalError, PortInUse

LOOPBACK = "127.0.0.1"
DOCKER_INTERFACE = "docker0"


@dataclass(frozen=True, slots=True)
class Ports:
    """One TCP port per server, each overridable by the variable <NAME>_PORT."""

    postgres: int = 15432
    valkey: int = 16379
    emulator: int = 14566
    delivery: int = 18081
    gateway: int = 18082
    beacon: int = 18083
    mail: int = 18084

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], remembered: Path | None = None
    ) -> "Ports":
        """Read POSTGRES_PORT and its siblings; an unset one is as remembered, else its default.

        Raises LocalError where a value is no port number or two servers share one.
        """
        chosen = {
            field.name: _port_number(variable, environment[variable])
            for field in fields(cls)
            if environment.get(variable := port_variable(field.name))
        }
        ports = cls(**{**(_read(remembered) if remembered else {}), **chosen})
        numbers = [getattr(ports, field.name) for field in fields(cls)]
        if len(set(numbers)) < len(numbers):
            variables = ", ".join(port_variable(field.name) for field in fields(cls))
            raise LocalError(
                f"Each server needs a port of its own; give {variables} different values."
            )
        return ports

    def remember(self, file: Path) -> None:
        """Write the ports to a file for the next start."""
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(file)

    @classmethod
    def free(cls) -> "Ports":
        """Choose ports that nobody listens on at this moment."""
        with ExitStack() as sockets:
            chosen = {}
            for field in fields(cls):
                probe = sockets.enter_context(socket.socket())
                probe.bind((LOOPBACK, 0))
                chosen[field.name] = probe.getsockname()[1]
        return cls(**chosen)


def port_variable(server: str) -> str:
    """Name the environment variable that moves a server to another port."""
    return f"{server.upper()}_PORT"


def require_free(server: str, port: int) -> None:
    """Raise PortInUse, naming the variable to set, where somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            free_port = getattr(Ports.free(), server)
            raise PortInUse(server, port, port_variable(server), free_port) from error


def container_hosts() -> list[str]:
    """Return the hosts at which containers see these servers.

    They are this machine's addresses on Docker's bridge, and, for a server in a container, the
    names that CONTAINER_HOSTS gives.
    """
    on_bridge = [each.address for each in psutil.net_if_addrs().get(DOCKER_INTERFACE, [])]
    return [*on_bridge, *os.environ.get("CONTAINER_HOSTS", "").split()]


def _read(file: Path) -> dict[str, int]:
    """Return the ports that were remembered; none where the file is missing or is no such file."""
    names = {field.name for field in fields(Ports)}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {name: int(port) for name, port in found.items() if name in names}
    except (OSError, ValueError, AttributeError):
        return {}


def _port_number(variable: str, value: str) -> int:
    if not value.isdecimal() or not 1024 <= int(value) <= 65535:
        raise LocalError(f"{variable}={value} is no port: give a number from 1024 to 65535.")
    return int(value)
