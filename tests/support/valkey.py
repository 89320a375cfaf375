"""A cache server of the test's own, which may be stopped, and one that talks nonsense."""

import os
import signal
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from commerce.app import catalogue, messaging, ranking_boards, rankings
from commerce.app.checkout import gateway as payment_gateways
from commerce.runtime.cache import read_through, valkey
from commerce.runtime.cache.valkey import connect
from infra.local.ports import LOOPBACK


def forget_valkey() -> None:
    """Let this process connect anew, to wherever VALKEY_URL leads now."""
    valkey.valkey().close()
    for each in (
        valkey.valkey, read_through.shared_cache, messaging.best_effort_events,
        ranking_boards.boards,
        valkey.strict_valkey, ranking_boards.ranking_weights, catalogue.catalogue,
        rankings.rankings,
    ):  # fmt: skip
        each.cache_clear()
    payment_gateways._payment_gateway.cache_clear()  # its circuit breaker asks the same server


def forget_breaker() -> None:
    """Let the circuit breaker before the payment gateway be closed, with nothing counted."""
    with connect(os.environ["VALKEY_URL"]) as server:
        server.delete("lastunit:breaker:payment-gateway")


def empty_valkey() -> None:
    """Forget all that is kept in this process' part of the server."""
    with connect(os.environ["VALKEY_URL"]) as server:
        server.flushdb()


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """The process is there, takes connections, and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def a_server_that_says(answer: bytes) -> Iterator[str]:
    """A server that gives the same answer to whatever it hears; yields its URL."""

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            assert isinstance(self.request, socket.socket)
            try:
                while self.request.recv(65536):
                    self.request.sendall(answer)
            except OSError:
                return

    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Talk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"redis://{LOOPBACK}:{server.server_address[1]}/0"
        finally:
            server.shutdown()
