"""Valkey servers of a test's own that can be stopped, hang, or answer rubbish."""

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
from commerce.runtime.messaging.best_effort import NUDGED
from infra.local.ports import LOOPBACK


def forget_valkey() -> None:
    """Make this process connect again, to the present VALKEY_URL."""
    valkey.valkey().close()
    for each in (
        valkey.valkey, read_through.shared_cache, messaging.best_effort_events,
        ranking_boards.boards,
        valkey.strict_valkey, ranking_boards.ranking_weights, catalogue.catalogue,
        rankings.rankings,
    ):  # fmt: skip
        each.cache_clear()
    payment_gateways._payment_gateway.cache_clear()  # its circuit breaker uses the same server


def forget_breaker() -> None:
    """Close the payment gateway's circuit breaker and delete its counts."""
    with connect(os.environ["VALKEY_URL"]) as server:
        server.delete("lastunit:breaker:payment-gateway")


def forget_nudges() -> None:
    """Let the next view wake its function, as if none had done so within the last second."""
    with connect(os.environ["VALKEY_URL"]) as server:
        server.delete(NUDGED)


def empty_valkey() -> None:
    """Delete everything in this process's database of the server."""
    with connect(os.environ["VALKEY_URL"]) as server:
        server.flushdb()


@contextmanager
def hanging(pid: int) -> Iterator[None]:
    """Stop the process within the block: it accepts connections and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def a_server_that_says(answer: bytes) -> Iterator[str]:
    """Run a server that gives the same answer to everything; yields its URL."""

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
