"""A proxy before PostgreSQL that records the statements of each round trip.

It works in lockstep: it forwards a request only after the client has sent its Sync (or a simple
query), and the answer only when the server is ready again. So a client that waits in between is
never answered, and round trips are counted exactly, whatever the timing. A Sync in front of a
request, which asks if the server is there, is forwarded with the request.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"

_SSL_REQUEST = 80877103
_ASKS_FOR_PASSWORD = {3, 5, 10, 11}
_REFUSED = b"SFATAL\x00C0A000\x00MFeature not supported: command-line options\x00\x00"
_REFUSAL = b"E" + struct.pack("!i", 4 + len(_REFUSED)) + _REFUSED
_ENDS_A_REQUEST = {b"S", b"Q", b"X"}  # Sync, simple query, Terminate


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The statements that the client sent together, and the state of its transaction afterwards."""

    statements: tuple[str, ...]
    is_in_transaction: bool
    """True where the client is still in a transaction afterwards, and so holds its locks."""

    def holds(self, *words: str) -> bool:
        """Return true where one of the statements has all these words."""
        return any(all(word in sql for word in words) for sql in self.statements)


def waits_under_lock(trips: Sequence[RoundTrip], *words: str) -> int:
    """Count the client's waits between the statement with these words and its commit."""
    numbers = [number for number, trip in enumerate(trips) if trip.holds(*words)]
    assert numbers, f"no statement with {words}"
    waits = 0
    while trips[numbers[0] + waits].is_in_transaction:
        waits += 1
    return waits


@dataclass(slots=True)
class PostgresProxy:
    """A running proxy: its URL, the round trips so far, and the answers that it drops."""

    url: str
    trips: list[RoundTrip] = field(default_factory=list)
    loses_answer: Callable[[RoundTrip], bool] = lambda _: False
    refuses_options: bool = False
    """True to refuse a session that starts with settings, as RDS Proxy does."""

    def forget(self) -> None:
        """Forget the round trips so far."""
        self.trips.clear()


@contextmanager
def postgres_proxy(url: str) -> Iterator[PostgresProxy]:
    """Run a proxy before the database of this URL."""
    parts = urlsplit(url)
    upstream = parts.hostname or LOOPBACK, parts.port or 5432
    with socket.create_server((LOOPBACK, 0)) as listener:
        netloc = f"{parts.username}:{parts.password}@{LOOPBACK}:{listener.getsockname()[1]}"
        proxy = PostgresProxy(parts._replace(netloc=netloc).geturl())
        serving = threading.Thread(target=_serve, args=(proxy, listener, upstream))
        serving.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def _serve(proxy: PostgresProxy, listener: socket.socket, upstream: tuple[str, int]) -> None:
    connections: list[tuple[threading.Thread, socket.socket]] = []
    with suppress(OSError):  # the listener was shut down
        while True:
            client, _ = listener.accept()
            thread = threading.Thread(target=_pass_on, args=(proxy, client, upstream))
            connections.append((thread, client))
            thread.start()
    for thread, client in connections:
        with suppress(OSError):  # it was closed already
            client.shutdown(socket.SHUT_RDWR)
        thread.join()


def _pass_on(proxy: PostgresProxy, client: socket.socket, upstream: tuple[str, int]) -> None:
    with (
        client,
        socket.create_connection(upstream) as server,
        client.makefile("rb") as from_client,
        server.makefile("rb") as from_server,
        suppress(EOFError, OSError),  # either side left
    ):
        _log_in(proxy, client, server, from_client, from_server)
        prepared: dict[bytes, str] = {}
        while True:
            first = _message(from_client)
            request = (
                [first] if first[:1] in b"QX" else [first, *_until(from_client, _ENDS_A_REQUEST)]
            )
            server.sendall(b"".join(request))
            probed = list(_until(from_server, {b"Z"})) if first[:1] == b"S" else []
            answer = list(_until(from_server, {b"Z"}))
            trip = RoundTrip(
                statements=tuple(sql for each in request for sql in _statements(each, prepared)),
                is_in_transaction=answer[-1][5:] != b"I",
            )
            proxy.trips.append(trip)
            if proxy.loses_answer(trip):
                return
            client.sendall(b"".join([*probed, *answer]))


def _log_in(
    proxy: PostgresProxy,
    client: socket.socket,
    server: socket.socket,
    from_client: BinaryIO,
    from_server: BinaryIO,
) -> None:
    """Forward all messages until the server is ready for the first time."""
    opening = _read(from_client, 8)
    if struct.unpack("!ii", opening) == (8, _SSL_REQUEST):
        server.sendall(opening)
        client.sendall(_read(from_server, 1))
        opening = _read(from_client, 8)
    settings = _read(from_client, struct.unpack("!i", opening[:4])[0] - 8)
    if proxy.refuses_options and b"options" in settings.split(b"\x00")[::2]:
        client.sendall(_REFUSAL)
        raise EOFError
    server.sendall(opening + settings)
    message = b""
    while message[:1] != b"Z":
        message = _message(from_server)
        client.sendall(message)
        if message[:1] == b"R" and struct.unpack("!i", message[5:9])[0] in _ASKS_FOR_PASSWORD:
            server.sendall(_message(from_client))


def _until(stream: BinaryIO, last: set[bytes]) -> Iterator[bytes]:
    message = b""
    while message[:1] not in last:
        message = _message(stream)
        yield message


def _message(stream: BinaryIO) -> bytes:
    header = _read(stream, 5)
    return header + _read(stream, struct.unpack("!i", header[1:])[0] - 4)


def _read(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _statements(message: bytes, prepared: dict[bytes, str]) -> Iterator[str]:
    """Yield the SQL that a message runs: a simple query, or the parsed statement that it binds."""
    if message[:1] == b"Q":
        yield message[5:-1].decode()
    if message[:1] == b"P":
        name, sql, _ = message[5:].split(b"\x00", 2)
        prepared[name] = sql.decode()
    if message[:1] == b"B":
        yield prepared[message[5:].split(b"\x00")[1]]
