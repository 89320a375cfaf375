"""Every step of a process towards the outside: written down, or cut at one of them.

A step is a statement sent to PostgreSQL (also inside a batch), a commit, a connection made to it, a
command to Valkey, a request to AWS, the payment gateway or the delivery system. They are seen where
the drivers send them, so whatever the code asks of the outside is a step by itself.
"""

import os
import select
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from pg8000.converters import make_params
from redis.connection import AbstractConnection
from urllib3.connection import HTTPConnection

from commerce.payment import deadline as of_payments
from commerce.payment import transport
from commerce.runtime import deadline
from commerce.runtime.cache import valkey
from commerce.runtime.db import connection as postgres
from commerce.runtime.db import pipeline
from commerce.runtime.db.pipeline import Connection, Query
from infra.local.ports import LOOPBACK

PATIENCE_SECONDS = 0.25  # with what hangs, and nothing else: a busy machine changes no outcome
ENDLESS_SECONDS = 120.0  # with everything else, in place of the seconds that production waits

_FLUSH = b"H\x00\x00\x00\x04"
_CUT = Query("SELECT pg_terminate_backend(pg_backend_pid())")
_IMPATIENT = Query(f"SET statement_timeout = {int(PATIENCE_SECONDS * 1000)}")  # undone by its error
_HANG = Query("SELECT pg_sleep(600)")
_NAME_LENGTH = 60
_open_sockets: list[socket.socket] = []  # closing them would be an answer


class Kind(StrEnum):
    """Faults that are injected at a step."""

    KILL_BEFORE = "kill-before"
    """The process ends (SIGKILL); the step never was."""
    KILL_AFTER = "kill-after"
    """The step was done over there; the process ends (SIGKILL)."""
    FAIL = "fail"
    """The step fails, by the connection: it was not done."""
    HANG = "hang"
    """No answer comes until a time-out ends it. What can be done by then (a commit, a request, a
    command) was done; a statement was not."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One step of a recorded run, and what happens at it.

    A run that is cut meets it by its name, as the nth of that name: steps of threads come in any
    order.
    """

    step: int
    """Its number from 1, in the recorded run."""
    kind: Kind
    name: str
    nth: int

    @classmethod
    def of(cls, steps: Sequence[str], step: int, kind: Kind) -> "Cut":
        """Return the cut of a step of a recorded run, by its number from 1."""
        name = steps[step - 1]
        return cls(step, kind, name, steps[:step].count(name))


@dataclass(slots=True)
class Journal:
    """The steps so far; `report` gets the name of the step that is cut, before it is cut."""

    cut: Cut | None
    report: Callable[[str], None]
    steps: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def reach(self, name: str) -> Kind | None:
        """Record a step; returns the fault to inject there, if any."""
        with self._lock:
            self.steps.append(name)
            nth = self.steps.count(name)
        if self.cut is None or (name, nth) != (self.cut.name, self.cut.nth):
            return None
        self.report(name)
        return self.cut.kind


def watch(journal: Journal) -> None:
    """Record every step of this process from now on."""
    _Postgres(journal).watch()
    _watch_http(journal)
    _Valkey(journal).watch()


def be_patient() -> None:
    """Raise all time-outs of this process and its forks, so that slowness causes no failure."""
    postgres.CONNECT_TIMEOUT_SECONDS = ENDLESS_SECONDS  # type: ignore[assignment]
    postgres.STATEMENT_TIMEOUT_MS = int(1000 * ENDLESS_SECONDS)
    for name in ("lock_timeout", "statement_timeout"):
        postgres.SESSION[name] = int(1000 * ENDLESS_SECONDS)
    deadline.ANSWER_RESERVE_SECONDS = -100 * ENDLESS_SECONDS  # no invocation ends
    valkey.TIMEOUT_SECONDS = valkey.STRICT_TIMEOUT_SECONDS = ENDLESS_SECONDS
    for module, names in _DEADLINES.items():
        for name in names:
            assert hasattr(module, name)
            setattr(module, name, 4 * ENDLESS_SECONDS)
    getresponse = HTTPConnection.getresponse

    def getresponse_patiently(self: HTTPConnection) -> Any:
        if self.timeout != PATIENCE_SECONDS:
            self.timeout = ENDLESS_SECONDS
        return getresponse(self)

    HTTPConnection.getresponse = getresponse_patiently  # type: ignore[method-assign]


_DEADLINES = {
    of_payments: ("GATEWAY_SECONDS",),
    pipeline: ("PROBE_SECONDS", "ANSWER_SECONDS"),
    transport: ("CONNECT_SECONDS", "READ_SECONDS"),
}


def die() -> None:
    """Kill this process without rollback or flush, as when a function's machine is lost."""
    os.kill(os.getpid(), signal.SIGKILL)


# --- PostgreSQL ---------------------------------------------------------------------------------


class _Postgres:
    """Watches the driver's connections, and cuts them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._connect = postgres.connect
        self._run = Connection.run_together
        self._receive = Connection._receive
        self._is_mute = False
        self._connect_seconds = postgres.CONNECT_TIMEOUT_SECONDS

    def watch(self) -> None:
        """Replace the driver's functions."""
        postgres.connect = self.connect
        Connection.run_together = lambda connection, queries: self.run(connection, queries)  # type: ignore[method-assign,assignment]
        Connection._receive = lambda connection, plans: self.receive(connection, plans)  # type: ignore[method-assign,assignment]

    def connect(self, url: str) -> Connection:
        """A connection is made."""
        kind = self._journal.reach("PostgreSQL: connect")
        if kind is Kind.KILL_BEFORE:
            die()
        if kind is Kind.FAIL:
            url = _at_port(url, _closed_port())
        if kind is Kind.HANG:
            url = _at_port(url, _silent_port())
            postgres.CONNECT_TIMEOUT_SECONDS = PATIENCE_SECONDS  # type: ignore[assignment]
        try:
            made = self._connect(url)
        finally:
            postgres.CONNECT_TIMEOUT_SECONDS = self._connect_seconds
        if kind is Kind.KILL_AFTER:
            die()
        return made

    def run(self, connection: Connection, queries: Sequence[Query]) -> Any:
        """A round trip: each of its statements is a step, and its commit."""
        hit = _reached(self._journal, connection, queries)
        if hit is None:
            return self._run(connection, queries)
        at, kind = hit
        if kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER):
            self._kill(connection, queries, at + (kind is Kind.KILL_AFTER))
        is_commit = at == len(queries) or queries[at].sql == "COMMIT"
        if kind is Kind.HANG and is_commit:
            self._is_mute = True
            return self._run(connection, queries)
        fault = [_CUT] if kind is Kind.FAIL else [_IMPATIENT, _HANG]
        return self._run(connection, [*queries[:at], *fault, *queries[at:]])

    def _kill(self, connection: Connection, queries: Sequence[Query], count: int) -> None:
        """End when so many statements are done: those before, or with the commit all of them."""
        if count > len(queries) or (
            count == len(queries) and not _commits_by_itself(connection, queries)
        ):
            self._run(connection, queries)
        else:
            _execute(connection, queries[:count])
        die()

    def receive(self, connection: Connection, plans: Any) -> Any:
        """The answer to a round trip."""
        if self._is_mute:
            self._is_mute = False
            self._receive(connection, plans)  # it is done over there
            raise TimeoutError
        return self._receive(connection, plans)


def _reached(
    journal: Journal, connection: Connection, queries: Sequence[Query]
) -> tuple[int, Kind] | None:
    """The statement at which this round trip is cut (the one after the last is its commit)."""
    names = [_brief(query.sql) for query in queries]
    if _commits_by_itself(connection, queries):
        names.append("commit")
    hits = [(at, journal.reach(f"PostgreSQL: {name}")) for at, name in enumerate(names)]
    return next(((at, kind) for at, kind in hits if kind is not None), None)


def _commits_by_itself(connection: Connection, queries: Sequence[Query]) -> bool:
    """Return whether the end of this round trip commits implicitly."""
    is_inside = connection._transaction_status not in (None, b"I") or queries[0].sql == "BEGIN"
    return not is_inside and any(not query.sql.startswith("SELECT") for query in queries)


def _execute(connection: Connection, queries: Sequence[Query]) -> None:
    """Execute these statements without ending the round trip."""
    for query in queries:
        connection.send_PARSE(b"\x00", query.sql)
        connection.send_BIND(b"\x00", make_params(connection.py_types, query.values))
        connection.send_EXECUTE()
    if queries:
        connection._sock.write(_FLUSH)
        connection._sock.flush()
    done = 0
    while done < len(queries):
        header = connection._read_exactly(5)
        connection._read_exactly(int.from_bytes(header[1:], "big") - 4)
        if header[:1] == b"E":
            return  # refused: nothing of it will be
        done += header[:1] in b"CI"


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}").geturl()


def _brief(sql: str) -> str:
    words = sql.split()
    if "FROM" in words and words[0] in ("SELECT", "DELETE"):
        words = [words[0], "…", *words[words.index("FROM") :]]
    return " ".join(words)[:_NAME_LENGTH]


# --- AWS, payment gateway, delivery system ------------------------------------------------------


def _watch_http(journal: Journal) -> None:
    request, getresponse = HTTPConnection.request, HTTPConnection.getresponse
    cuts: dict[int, Kind] = {}

    def request_watched(
        self: HTTPConnection, method: str, url: str, *more: Any, **named: Any
    ) -> None:
        kind = journal.reach(_request_name(method, url, more, named))
        if kind is Kind.KILL_BEFORE:
            die()
        if kind is Kind.FAIL:
            self.close()
            self.port = _closed_port()
        elif kind is not None:
            cuts[id(self)] = kind
        request(self, method, url, *more, **named)

    def getresponse_watched(self: HTTPConnection) -> Any:
        kind = cuts.pop(id(self), None)
        if kind is Kind.HANG:
            _discard_answer(self.sock)
            self.timeout = PATIENCE_SECONDS
        answer = getresponse(self)
        if kind is Kind.KILL_AFTER:
            die()
        return answer

    HTTPConnection.request = request_watched  # type: ignore[method-assign]
    HTTPConnection.getresponse = getresponse_watched  # type: ignore[method-assign]


def _request_name(method: str, url: str, more: Sequence[Any], named: dict[str, Any]) -> str:
    body, headers = (*more, *[None] * 2)[:2] if more else (named.get("body"), named.get("headers"))
    lower = {str(name).lower(): value for name, value in dict(headers or {}).items()}
    target = lower.get("x-amz-target")
    if target is not None:
        return f"AWS: {target.decode() if isinstance(target, bytes) else target}"
    text = body.decode() if isinstance(body, bytes) else str(body)
    if "Action=" in text:
        return f"AWS: {text.partition('Action=')[2].partition('&')[0]}"
    path = urlsplit(url).path
    parts = [each for each in path.split("/") if not any(letter.isdigit() for letter in each[2:])]
    return f"HTTP: {method} {'/'.join(parts)}"


# --- Valkey -------------------------------------------------------------------------------------


class _Valkey:
    """Watches the Valkey client's connections, and cuts them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._send: Callable[..., Any] = AbstractConnection.send_packed_command
        self._read: Callable[..., Any] = AbstractConnection.read_response
        self._cuts: dict[int, Kind] = {}

    def watch(self) -> None:
        """Replace the client's methods."""

        def send(connection: Any, *more: Any, **named: Any) -> None:
            self.send(connection, *more, **named)

        def read(connection: Any, *more: Any, **named: Any) -> Any:
            return self.read(connection, *more, **named)

        AbstractConnection.send_packed_command = send  # type: ignore[method-assign,assignment]
        AbstractConnection.read_response = read  # type: ignore[method-assign,assignment]

    def send(self, connection: Any, command: Any, *more: Any, **named: Any) -> None:
        """A command, or several together."""
        if not connection._sock:
            connection.connect_check_health(check_health=False)  # its own commands come before
        kind = self._journal.reach(f"Valkey: {_command(command)}")
        if kind is Kind.KILL_BEFORE:
            die()
        if kind is Kind.FAIL:
            _break(connection._sock)
        elif kind is not None:
            self._cuts[id(connection)] = kind
        self._send(connection, command, *more, **named)

    def read(self, connection: Any, *more: Any, **named: Any) -> Any:
        """The answer to a command."""
        kind = self._cuts.pop(id(connection), None)
        if kind is Kind.HANG:
            _discard_answer(connection._sock)
            connection._sock.settimeout(PATIENCE_SECONDS)
        answer = self._read(connection, *more, **named)
        if kind is Kind.KILL_AFTER:
            die()
        return answer


def _command(packed: Any) -> str:
    """The command's name with its first key, of what is about to be sent."""
    text = b"".join([packed] if isinstance(packed, bytes) else packed)
    words = text.split(b"\r\n")[2::2]
    name = words[0].decode()
    if name in ("EVAL", "EVALSHA", "SELECT") or len(words) < 2:
        return name
    return f"{name} {':'.join(words[1].decode(errors='replace').split(':')[:2])}"[:_NAME_LENGTH]


# --- sockets ------------------------------------------------------------------------------------


def _discard_answer(sock: socket.socket) -> None:
    """Wait until the other side has answered, and discard the answer."""
    seen = b""
    while not seen:
        select.select([sock], [], [], ENDLESS_SECONDS)
        before, seen = seen, sock.recv(1 << 20, socket.MSG_PEEK)
        if seen == before == b"":
            break  # the other side closed the connection
    ours, theirs = socket.socketpair()
    _open_sockets.extend((ours, theirs))
    os.dup2(ours.fileno(), sock.fileno())


def _break(sock: socket.socket) -> None:
    """Break the connection."""
    ours, theirs = socket.socketpair()
    theirs.close()
    os.dup2(ours.fileno(), sock.fileno())
    ours.close()


def _closed_port() -> int:
    """Return a port that refuses connections: it is bound, but nothing listens."""
    bound = socket.socket()
    bound.bind((LOOPBACK, 0))
    _open_sockets.append(bound)
    return int(bound.getsockname()[1])


def _silent_port() -> int:
    """Return a port that accepts connections and never answers."""
    listener = socket.create_server((LOOPBACK, 0))
    _open_sockets.append(listener)
    return int(listener.getsockname()[1])
