"""Lets containers reach the servers of this machine, which listen on loopback only.

While the block runs, their ports are forwarded from Docker's bridge; on Docker Desktop containers
reach loopback by themselves, under a name of its own.
"""

import json
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from ipaddress import ip_network
from urllib.parse import urlsplit

from infra.local.callers import DESKTOP_HOST
from infra.local.errors import LocalError
from infra.local.ports import LOOPBACK


@contextmanager
def reachable(variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Forward what the URLs among the values lead to; give the values as a container writes them.

    Raises LocalError where Docker does not answer.
    """
    host = _host_seen_by_containers()
    with ExitStack() as forwards:
        if host != DESKTOP_HOST:
            for port in sorted({port for port in map(_loopback_port, variables.values()) if port}):
                forwards.enter_context(_forward(host, port))
        yield {name: _moved(value, host) for name, value in variables.items()}


def _host_seen_by_containers() -> str:
    """Return the address at which a container sees this machine."""
    command = ["docker", "network", "inspect", "bridge", "--format", "{{json .IPAM.Config}}"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalError("sam local needs Docker, and it does not answer. Start it.") from error
    [network, *_] = json.loads(answer.stdout)
    gateway = network.get("Gateway") or str(ip_network(network["Subnet"])[1])
    with closing(socket.socket()) as probe:
        try:
            probe.bind((gateway, 0))
        except OSError:
            return DESKTOP_HOST  # the bridge is inside Docker Desktop's machine
    return gateway


def _loopback_port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port if parts.hostname in (LOOPBACK, "localhost") else None


def _moved(url: str, host: str) -> str:
    """Return the URL as a container must write it, other values as they are."""
    parts = urlsplit(url)
    if _loopback_port(url) is None:
        return url
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}{at}{host}:{parts.port}").geturl()


@contextmanager
def _forward(host: str, port: int) -> Iterator[None]:
    """Forward host:port to the same port on loopback."""
    try:
        server = _Forward((host, port), _Pipe)
    except OSError:
        yield  # a server listens there itself
        return
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


class _Forward(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class _Pipe(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        port = self.server.server_address[1]  # type: ignore[index]
        with socket.create_connection((LOOPBACK, port)) as there:
            answers = threading.Thread(target=_pump, args=(there, self.request), daemon=True)
            answers.start()
            _pump(self.request, there)
            answers.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two hung up
