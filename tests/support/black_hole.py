"""A TCP proxy whose connections can become black holes: bytes vanish, and nobody is told.

No reset and no end is passed on, as when a network path or the host behind it is gone.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
_CHUNK = 65536


@dataclass(slots=True)
class _Way:
    """One direction of a connection, and how many bytes it still passes on (None: all)."""

    source: socket.socket
    sink: socket.socket
    left: int | None = None

    def pump(self) -> None:
        with suppress(OSError):  # either side is gone
            while data := self.source.recv(_CHUNK):
                passed = data if self.left is None else data[: self.left]
                if self.left is not None:
                    self.left -= len(passed)
                if passed:
                    self.sink.sendall(passed)
        if self.left is None:
            with suppress(OSError):
                self.sink.shutdown(socket.SHUT_WR)


@dataclass(slots=True)
class BlackHole:
    """A running proxy: its URL, and the ways of the connections through it."""

    url: str
    is_silent: bool = False
    """True to accept connections and pass nothing on."""
    connections: int = 0
    _ways: list[tuple[_Way, _Way]] = field(default_factory=list)

    def swallow(self, *, requests: bool = True, answer_bytes: int = 0) -> None:
        """Swallow from now on what open connections send; new connections work.

        Args:
            requests: swallow what the client sends; else the server gets it.
            answer_bytes: how much of the answers still reaches the client.
        """
        for to_server, to_client in self._ways:
            if requests:
                to_server.left = 0
            to_client.left = answer_bytes


@contextmanager
def black_hole(url: str) -> Iterator[BlackHole]:
    """Run a proxy before the server of this URL."""
    parts = urlsplit(url)
    upstream = parts.hostname or LOOPBACK, parts.port or 5432
    with socket.create_server((LOOPBACK, 0)) as listener:
        login, _, _ = parts.netloc.rpartition("@")
        place = f"{LOOPBACK}:{listener.getsockname()[1]}"
        netloc = f"{login}@{place}" if login else place
        proxy = BlackHole(parts._replace(netloc=netloc).geturl())
        sockets: list[socket.socket] = []
        threads: list[threading.Thread] = []
        serving = threading.Thread(
            target=_serve, args=(proxy, listener, upstream, sockets, threads)
        )
        serving.start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            serving.join()
            for each in sockets:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for each in sockets:
                each.close()


def _serve(
    proxy: BlackHole,
    listener: socket.socket,
    upstream: tuple[str, int],
    sockets: list[socket.socket],
    threads: list[threading.Thread],
) -> None:
    with suppress(OSError):  # the listener was shut down
        while True:
            client, _ = listener.accept()
            sockets.append(client)
            proxy.connections += 1
            if proxy.is_silent:
                continue
            server = socket.create_connection(upstream)
            sockets.append(server)
            ways = _Way(client, server), _Way(server, client)
            proxy._ways.append(ways)
            for way in ways:
                threads.append(threading.Thread(target=way.pump))
                threads[-1].start()


@contextmanager
def unanswered_port() -> Iterator[int]:
    """A port at which a connection attempt gets no answer, as its queue is full."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.settimeout(0)
            each.connect_ex((LOOPBACK, port))
        try:
            yield port
        finally:
            for each in waiting:
                each.close()
