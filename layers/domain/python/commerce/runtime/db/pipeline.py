"""PostgreSQL's extended protocol over pg8000: many statements in one round trip.

pg8000 waits for the server three times per statement with parameters, and flushes after each
message. `Connection.run_together` writes the messages of many statements at once, ends them with a
single Sync and waits once. What comes between two Syncs is one transaction: all of it takes effect,
or nothing.

A Sync of its own goes in front. The server answers it at once, before it begins with what follows
and waits for a lock; so a dead connection is found within PROBE_SECONDS, for no round trip.
"""

import os
import socket
import struct
from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import pg8000.dbapi
from pg8000.converters import TIMESTAMPTZ, make_params
from pg8000.core import Context

from commerce.runtime.deadline import left_seconds

Row: TypeAlias = Any
"""A named tuple of the columns that the statement selects."""

MAX_PREPARED = 200
"""Prepared statements kept per connection; a function has a few dozen."""

PROBE_SECONDS = 1.0  # spec §4: a server that is silent for so long is given up
ANSWER_SECONDS = 10.0  # of a whole batch; the server's statement_timeout ends most sooner
_SHARE = 0.7  # of what is left of the invocation; the rest is for repeating what got no answer
_MAX_UNPROBED_BYTES = 65536  # more does not surely fit into the socket buffers

_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: discard what is not sent yet
_UNNAMED = b"\x00"
_ALL_TEXT = b"\x00\x00"
_ANY_TYPES = b"\x00\x00"
_NULL = b"\xff\xff\xff\xff"
_EXECUTE = b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"
_SYNC = b"S\x00\x00\x00\x04"


class Query(NamedTuple):
    """SQL with its values, ready to be sent."""

    sql: str
    values: Sequence[Any] = ()
    is_lasting: bool = False
    """True where the same SQL is sent repeatedly, so that preparing it pays."""


class _Plan:
    """A statement as it is known to the server, and the type of its rows."""

    __slots__ = ("context", "is_parsed", "make_row", "name")

    def __init__(self, name: bytes, sql: str) -> None:
        self.name = name
        self.context = Context(sql)
        self.make_row: Callable[[Iterable[Any]], Row] = tuple
        self.is_parsed = False


class Connection(pg8000.dbapi.Connection):  # type: ignore[misc]
    """A pg8000 connection that can send many statements in one round trip.

    With `prepares`, lasting statements are parsed once per connection and stay prepared at the
    server. Switch it off behind a proxy that shares one server connection among clients.

    Every wait is limited, by PROBE_SECONDS or `answer_seconds`.
    """

    prepares = True
    session_name: str | None = None
    """The application_name that no other session has, if there is one."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # pg8000's own, strptime, takes several times as long.
        self.register_in_adapter(TIMESTAMPTZ, datetime.fromisoformat)
        self._plans: dict[str, _Plan] = {}

    def run_together(self, queries: Sequence[Query]) -> list[list[Row]]:
        """Send all queries, wait once, and return the rows of each.

        Meant for write sets and small reads: the server's answers must fit into the socket buffers
        while the request is still being written.

        Raises:
            pg8000.dbapi.DatabaseError: the first error; all queries are undone.
            TimeoutError: the server does not answer; the queries may take effect.
        """
        batch = bytearray(_SYNC)
        try:
            plans = [self._add(batch, query) for query in queries]
        except BaseException:
            self._forget_unparsed()
            raise
        batch += _SYNC
        if len(batch) > _MAX_UNPROBED_BYTES:
            self.probe()
        seconds = answer_seconds()
        self._send(batch, seconds)
        self._await_ready()
        self._usock.settimeout(seconds)
        return self._receive(plans)

    def probe(self) -> None:
        """Wait until the server answers. Raises TimeoutError, or what ended the session."""
        self._send(_SYNC, PROBE_SECONDS)
        self._await_ready()

    def abort(self) -> None:
        """Close a connection that is given up; what the server has not received, it never gets."""
        with suppress(OSError):
            self._usock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            os.close(self._usock.detach())

    def _send(self, messages: bytes | bytearray, seconds: float) -> None:
        self._usock.settimeout(seconds)
        self._sock.write(messages)
        self._sock.flush()

    def _await_ready(self) -> None:
        self._usock.settimeout(min(PROBE_SECONDS, answer_seconds()))
        context, code = Context(""), b""
        while code != b"Z":
            code, body = self._read_message()
            self.message_types[code](body, context)
            if context.error is not None:
                raise context.error

    def _add(self, batch: bytearray, query: Query) -> _Plan:
        plan = self._plans.get(query.sql)
        if plan is None:
            plan = self._prepared(query)
            sql = query.sql.encode() + _UNNAMED
            batch += _message(b"P", plan.name, sql, _ANY_TYPES)
            batch += _message(b"D", b"S", plan.name)
        values = [
            _NULL if value is None else _sized(value.encode())
            for value in make_params(self.py_types, query.values)
        ]
        count = len(values).to_bytes(2, "big")
        batch += _message(b"B", _UNNAMED, plan.name, _ALL_TEXT, count, *values, _ALL_TEXT)
        batch += _EXECUTE
        return plan

    def _prepared(self, query: Query) -> _Plan:
        is_kept = query.is_lasting and self.prepares and len(self._plans) < MAX_PREPARED
        if not is_kept:
            return _Plan(_UNNAMED, query.sql)
        plan = self._plans[query.sql] = _Plan(b"s%d\x00" % len(self._plans), query.sql)
        return plan

    def _receive(self, plans: Sequence[_Plan]) -> list[list[Row]]:
        answers: list[list[Row]] = [[] for _ in plans]
        at, error, code = 0, None, b""
        while code != b"Z":
            code, body = self._read_message()
            plan = plans[min(at, len(plans) - 1)]
            if code == b"D":
                answers[at].append(plan.make_row(self._read_row(body, plan.context)))
            elif code == b"1":
                plan.is_parsed = True
            elif code == b"T":
                self.handle_ROW_DESCRIPTION(body, plan.context)
                plan.make_row = _row_type(tuple(each["name"] for each in plan.context.columns))
            elif code not in b"2tn":  # acknowledgements: nothing to do
                self.message_types[code](body, plan.context)
                error, plan.context.error = error or plan.context.error, None
                at += code in b"CI"  # CommandComplete, EmptyQueryResponse: on to the next
        if error is not None:
            self._forget_unparsed()
            raise error
        return answers

    def _read_message(self) -> tuple[bytes, bytes]:
        header = self._read_exactly(5)
        return header[:1], self._read_exactly(int.from_bytes(header[1:], "big") - 4)

    def _read_exactly(self, size: int) -> bytes:
        data: bytes = self._sock.read(size)
        if len(data) < size:
            raise pg8000.dbapi.InterfaceError("the server closed the connection")
        return data

    def _read_row(self, body: bytes, context: Context) -> list[Any]:
        row: list[Any] = []
        at = 2
        for read in context.input_funcs:
            size = int.from_bytes(body[at : at + 4], "big", signed=True)
            at += 4
            if size < 0:
                row.append(None)
                continue
            row.append(read(body[at : at + size].decode()))
            at += size
        return row

    def _forget_unparsed(self) -> None:
        self._plans = {sql: plan for sql, plan in self._plans.items() if plan.is_parsed}


def answer_seconds() -> float:
    """Return how long to wait for a batch: not so long that nothing could follow it."""
    return max(min(ANSWER_SECONDS, _SHARE * left_seconds()), 0.001)


def _message(code: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return code + (len(body) + 4).to_bytes(4, "big") + body


def _sized(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


@cache
def _row_type(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Row]:
    make: Callable[[Iterable[Any]], Row] = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]
    return make
