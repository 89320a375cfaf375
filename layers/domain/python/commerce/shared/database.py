"""PostgreSQL over pg8000, in as few round trips as its protocol allows.

pg8000 waits for the server three times per statement with parameters. `Connection.run_together`
sends the messages of many statements in one flush and waits once. Between two Syncs PostgreSQL
treats them as one transaction: all of them take effect, or none.
"""

import json
import time
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.dbapi
from pg8000.converters import make_params
from pg8000.core import Context
from sqlalchemy import (
    JSON,
    BigInteger,
    BindParameter,
    Executable,
    FromClause,
    Insert,
    MetaData,
    Table,
    bindparam,
    column,
    func,
    insert,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import JSONB

from commerce.shared.errors import Busy, Unavailable

Row: TypeAlias = Any
"""A named tuple of the columns that the statement selects."""

metadata = MetaData()
"""Every context's tables. The schema itself is what infra/migrations makes of it."""

LOCK_TIMEOUT_MS = 3_000  # SPEC §4: a row lock not had within 3 s is 503 BUSY
STATEMENT_TIMEOUT_MS = 5_000  # SPEC §4
# Every session has these: told when it begins or, behind a proxy, kept with its role (env.py).
# Every list walks an index in its own order. An incremental sort reads a whole brand for one page,
# and its estimate comes near enough to the walk's to be chosen now and then.
SESSION = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "enable_incremental_sort": "off",
}
IDLE_SECONDS = 20  # a connection unused for longer may be gone without a word
CONNECT_TIMEOUT_SECONDS = 3

_NULL = b"\x00"
_SYNC = b"S\x00\x00\x00\x04"
_DEADLOCK, _SERIALIZATION = "40P01", "40001"
_LOCK_NOT_AVAILABLE, _QUERY_CANCELED = "55P03", "57014"
_LOGIN_REFUSED = "28"  # the class of invalid authorizations
_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class Contention(Exception):
    """The transaction lost a race (deadlock, serialization, outdated decision); run it again."""


class ConstraintViolated(Exception):
    """A CHECK, UNIQUE, foreign key or guard refused. `name` says which rule."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class InvalidData(Exception):
    """The statement cannot be computed on these values, however often it is tried."""


class ConnectionLost(Unavailable):
    """The database went away."""


class LoginRefused(Unavailable):
    """The database does not know this login, or not any more."""


class Query(NamedTuple):
    """SQL with its values, ready to be sent."""

    sql: str
    values: Sequence[Any] = ()


class Statement:
    """A Core statement, compiled once per process, when it is first used."""

    def __init__(self, build: Executable | Callable[[], Executable]) -> None:
        self._build = build
        self._sql = ""
        self._names: list[str] = []
        self._constants: dict[str, Any] = {}
        self._documents: set[str] = set()

    def __call__(self, **values: Any) -> Query:
        """The statement with its parameters; every bindparam must be given."""
        if not self._sql:
            self._compile()
        known = {**self._constants, **values} if self._constants else values
        return Query(
            self._sql,
            [
                json.dumps(known[name]) if name in self._documents else known[name]
                for name in self._names
            ],
        )

    def _compile(self) -> None:
        core = self._build() if not isinstance(self._build, Executable) else self._build
        compiled = core.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
        self._names = list(compiled.positiontup or ())
        required = {name for name, bind in compiled.binds.items() if bind.required}
        self._constants = {
            name: value for name, value in compiled.params.items() if name not in required
        }
        self._documents = {
            name for name, bind in compiled.binds.items() if isinstance(bind.type, JSON)
        }
        self._sql = str(compiled)


def records(parameter: str, *columns: Any) -> FromClause:
    """Rows given as one JSON parameter: any number of rows, always the same statement."""
    rows: BindParameter[Any] = bindparam(parameter, type_=JSONB)
    typed = [column(each.name, each.type) for each in columns]
    return (
        func.jsonb_to_recordset(rows)
        .table_valued(*typed)
        .render_derived(name=parameter, with_types=True)
    )


def insert_many(table: Table, *names: str) -> Statement:
    """INSERT of `rows=[{name: value, …}]`: one statement, whatever the number of rows."""

    def build() -> Insert:
        source = records("rows", *(table.c[name] for name in names))
        return insert(table).from_select(list(names), select(*(source.c[name] for name in names)))

    return Statement(build)


def require(count: Any, expected: str, rule: str) -> Any:
    """A guard that raises: a write that touched fewer rows than it must fails as `rule`."""
    wanted: BindParameter[int] = bindparam(expected, type_=BigInteger)
    return func.require(count == wanted, rule)


class Connection(pg8000.dbapi.Connection):  # type: ignore[misc]
    """A pg8000 connection that can send many statements in one round trip."""

    def run_together(self, queries: Sequence[Query]) -> list[Context]:
        """Send all, wait once. The first error undoes the rest and is raised.

        Meant for write sets and small reads: what the server answers must fit into the socket
        buffers while the request is still being written.
        """
        contexts = [Context(query.sql) for query in queries]
        for query in queries:
            self.send_PARSE(_NULL, query.sql)
            self.send_BIND(_NULL, make_params(self.py_types, query.values))
            self._send_message(b"D", b"P" + _NULL)
            self.send_EXECUTE()
        self._sock.write(_SYNC)
        self._sock.flush()
        self._receive(contexts)
        return contexts

    def _receive(self, contexts: list[Context]) -> None:
        waiting = iter(contexts)
        current, error, code = next(waiting), None, None
        while code != b"Z":
            header = self._read_exactly(5)
            code = header[:1]
            body = self._read_exactly(int.from_bytes(header[1:], "big") - 4)
            self.message_types[code](body, current)
            error = error or current.error
            if code in b"CI":  # CommandComplete, EmptyQueryResponse: on to the next statement
                current = next(waiting, current)
        if error is not None:
            raise error

    def _read_exactly(self, size: int) -> bytes:
        data: bytes = self._sock.read(size)
        if len(data) < size:
            raise pg8000.dbapi.InterfaceError("the server closed the connection")
        return data


BEGIN, COMMIT, ROLLBACK = Query("BEGIN"), Query("COMMIT"), Query("ROLLBACK")


class Database:
    """One connection: made on first use, checked when it was idle, discarded when broken.

    Where the login of `url` is refused, `renewed_url` is asked once for the one of now.
    """

    def __init__(
        self, url: Callable[[], str], renewed_url: Callable[[], str] | None = None
    ) -> None:
        self._url = url
        self._renewed_url = renewed_url
        self._connection: Connection | None = None
        self._used_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as we know."""
        return self._connection is not None

    def run(self, queries: Sequence[Query], *, in_transaction: bool = False) -> list[list[Row]]:
        """Run the queries in one round trip; returns the rows of each.

        Outside BEGIN and COMMIT they are one transaction. With `in_transaction` they belong to
        the one that was begun, and to no other connection than its own.

        Raises ConstraintViolated, InvalidData (it cannot be computed), Contention, Busy (a lock
        or the statement's time ran out), Unavailable (no connection to be had) or ConnectionLost
        (it broke: whether the queries took effect is unknown).
        """
        try:
            contexts = self._connected(in_transaction=in_transaction).run_together(queries)
        except pg8000.dbapi.DatabaseError as error:
            raise _translated(error) from error
        except (pg8000.dbapi.InterfaceError, OSError) as error:
            self.close()
            raise ConnectionLost from error
        except BaseException:
            self.close()  # half a message may be on its way: nothing can follow it
            raise
        self._used_at = time.monotonic()
        return [_named(context) for context in contexts]

    def close(self) -> None:
        """Let go of the connection; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (pg8000.dbapi.Error, OSError):
                return  # it was broken already

    def _connected(self, *, in_transaction: bool) -> Connection:
        if in_transaction:
            if self._connection is None:
                raise ConnectionLost
            return self._connection
        if self._connection is not None and time.monotonic() - self._used_at > IDLE_SECONDS:
            try:
                self._connection.run_together([Query("SELECT 1")])
            except (pg8000.dbapi.Error, OSError):
                self.close()
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    def _opened(self) -> Connection:
        try:
            return connect(self._url())
        except LoginRefused:
            if self._renewed_url is None:
                raise
            return connect(self._renewed_url())


def connect(url: str) -> Connection:
    """Open a connection with the time-outs of an order. Raises LoginRefused or Unavailable.

    `?session=role`: the time-outs are the role's own. RDS Proxy refuses a connection that asks for
    them when it begins, and keeps one that sets them later from being shared.
    """
    parts = urlsplit(url)
    is_the_roles = parse_qs(parts.query).get("session") == ["role"]
    options = " ".join(f"-c {name}={value}" for name, value in SESSION.items())
    try:
        connection = Connection(
            unquote(parts.username or ""),
            host=parts.hostname or "localhost",
            port=parts.port or 5432,
            database=parts.path.lstrip("/"),
            password=unquote(parts.password or ""),
            timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="lastunit",
            ssl_context=tls(parts.query),
            startup_params={} if is_the_roles else {"options": options},
        )
    except (pg8000.dbapi.Error, OSError) as error:
        refused = _sqlstate(error).startswith(_LOGIN_REFUSED)
        kind = LoginRefused if refused else Unavailable
        raise kind("The database does not answer; try again.") from error
    connection.autocommit = True
    # The server's statement_timeout ends long work; the socket must outwait it.
    connection._usock.settimeout(2 * STATEMENT_TIMEOUT_MS / 1000)  # noqa: SLF001
    return connection


def tls(query: str) -> Any:
    """A URL's sslmode as pg8000 wants it: require encrypts, verify-full also knows the server."""
    mode = parse_qs(query).get("sslmode")
    if mode == ["verify-full"]:
        from ssl import create_default_context  # imported on use: most sessions of a test need none

        return create_default_context()
    return True if mode == ["require"] else None


@cache
def _row_type(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Row]:
    make: Callable[[Iterable[Any]], Row] = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]
    return make


def _named(context: Context) -> list[Row]:
    if not context.rows:
        return []
    make = _row_type(tuple(each["name"] for each in context.columns))
    return [make(row) for row in context.rows]


def _sqlstate(error: Exception) -> str:
    return str(_fields(error).get("C", ""))


def _fields(error: Exception) -> Mapping[str, str]:
    """What the server says of an error; nothing where it is not the server's."""
    told = error.args[0] if error.args else None
    return told if isinstance(told, dict) else {}


def _translated(error: Exception) -> Exception:
    fields, state = _fields(error), _sqlstate(error)
    if state in (_DEADLOCK, _SERIALIZATION):
        return Contention(fields.get("M", ""))
    if state in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED):
        return Busy()
    if state.startswith("23"):
        return ConstraintViolated(fields.get("n", fields.get("c", state)))
    if state.startswith("22"):
        return InvalidData(fields.get("M", state))
    if state.startswith(("08", "57P")):
        return Unavailable()
    return error
