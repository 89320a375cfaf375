"""PostgreSQL: statements, the one connection of an execution environment, errors by meaning."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pg8000.dbapi

from commerce.runtime.db.pipeline import Connection, Query, Row
from commerce.shared.errors import Busy, Unavailable

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

_DEADLOCK, _SERIALIZATION = "40P01", "40001"
_LOCK_NOT_AVAILABLE, _QUERY_CANCELED = "55P03", "57014"
# A migration changed what a prepared statement gives; or the server does not know it any more.
_RESULT_CHANGED, _NOT_PREPARED = "0A000", "26000"
_LOGIN_REFUSED = "28"  # the class of invalid authorizations


class Contention(Exception):
    """The transaction lost a race (deadlock, serialization, outdated decision); run it again."""


class _PlanOutdated(Contention):
    """What was prepared on this connection holds no longer; it did nothing, and runs on another."""


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


BEGIN, COMMIT, ROLLBACK = (Query(word, is_lasting=True) for word in ("BEGIN", "COMMIT", "ROLLBACK"))


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
            answers = self._connected(in_transaction=in_transaction).run_together(queries)
        except pg8000.dbapi.DatabaseError as error:
            translated = _translated(error)
            if isinstance(translated, _PlanOutdated):
                self.close()
            raise translated from error
        except (pg8000.dbapi.InterfaceError, OSError) as error:
            self.close()
            raise ConnectionLost from error
        except BaseException:
            self.close()  # half a message may be on its way: nothing can follow it
            raise
        self._used_at = time.monotonic()
        return answers

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
    them when it begins, and keeps one that sets them later, or prepares statements by name, from
    being shared.
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
    connection.prepares = not is_the_roles
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
    if state in (_RESULT_CHANGED, _NOT_PREPARED):
        return _PlanOutdated(fields.get("M", ""))
    if state in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED):
        return Busy()
    if state.startswith("23"):
        return ConstraintViolated(fields.get("n", fields.get("c", state)))
    if state.startswith("22"):
        return InvalidData(fields.get("M", state))
    if state.startswith(("08", "57P")):
        return Unavailable()
    return error
