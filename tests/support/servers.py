"""Real servers for tests, on free ports, with all they keep below a directory of the test run's.

They are what `make up` starts, through the same code. The caller stops them; if the run is
killed, the kernel ends them.
"""

from dataclasses import dataclass
from pathlib import Path

from infra.local.ports import Ports
from infra.local.postgres import start_postgres, superuser_url
from infra.local.process import Server
from infra.local.system import Endpoints, LocalSystem
from infra.local.valkey import start_valkey


@dataclass(frozen=True, slots=True)
class Servers:
    """PostgreSQL, with an empty database of the owner's, and a Redis-compatible server."""

    postgres: Server
    valkey: Server
    superuser_url: str

    @property
    def database_url(self) -> str:
        """The owner's URL of the database `lastunit`, without a schema as yet."""
        return self.postgres.url

    @property
    def valkey_url(self) -> str:
        """The URL of the Redis-compatible server."""
        return self.valkey.url

    def stop(self) -> None:
        """End both; safe to call twice."""
        self.valkey.stop()
        self.postgres.stop()


@dataclass(frozen=True, slots=True)
class Stack:
    """The deployed stack with everything it needs, as `make up` has it."""

    system: LocalSystem
    endpoints: Endpoints

    def stop(self) -> None:
        """End every server; safe to call twice."""
        self.system.stop()


def start_servers(directory: Path) -> Servers:
    """Start PostgreSQL and Valkey on free ports. Raises LocalError where one does not start."""
    ports = Ports.free()
    postgres = start_postgres(directory, ports.postgres)
    try:
        valkey = start_valkey(directory, ports.valkey)
    except BaseException:
        postgres.stop()
        raise
    return Servers(postgres, valkey, superuser_url(directory, ports.postgres))


def start_stack(directory: Path) -> Stack:
    """Start servers, simulator and emulator on free ports, then sam build and sam deploy.

    Takes about a minute, most of it the build. Call it from the main thread.
    """
    system = LocalSystem(directory, Ports.free())
    try:
        return Stack(system, system.start())
    except BaseException:
        system.stop()
        raise
