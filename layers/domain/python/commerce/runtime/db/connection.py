"""The connection to PostgreSQL that one execution environment keeps, and its errors."""

import logging
import re
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from ssl import SSLError
from typing import Any
from urllib.parse import unquote, urlsplit

import pg8000.dbapi

from commerce.runtime.db.encryption import Encryption, encryptions, options_of
from commerce.runtime.db.pipeline import Connection, Query, Row, answer_seconds
from commerce.runtime.deadline import left_seconds
from commerce.shared.errors import Busy, Unavailable

LOCK_TIMEOUT_MS = 3_000  # spec §4: a row lock not had within 3 s is 503 BUSY
STATEMENT_TIMEOUT_MS = 5_000  # spec §4
# What values look like as text and how they are read, as the driver and the statements take for
# granted: a role or database may have other defaults. Case and spaces do not matter.
MEANING = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "default_transaction_isolation": "read committed",
}
# Sent when a session starts; behind a proxy they are settings of its role instead (env.py).
# Incremental sort is off because every list reads an index in order: the planner sometimes prefers
# an incremental sort that reads a whole brand for one page.
SESSION = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "enable_incremental_sort": "off",
    **MEANING,
}
IDLE_SECONDS = 5  # a connection idle for longer is probed before anything is sent
CONNECT_TIMEOUT_SECONDS = 3
# While the server is silent, as it waits for a lock, the kernel asks if it is still there: a host
# that is gone is found within three seconds.
_KEEPALIVE = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 2}
_END_MS = 1_000  # a session that was given up gets so long to end

_DEADLOCK, _SERIALIZATION = "40P01", "40001"
_LOCK_NOT_AVAILABLE, _QUERY_CANCELED = "55P03", "57014"
# A migration changed a prepared statement's result, or the server no longer has the statement, or
# has another by that name, as a pooler changed servers.
_PLAN_OUTDATED = ("0A000", "26000", "42P05")
# States, and classes of states, in which the connection cannot serve; a new one may. The first were
# found before anything was done: read-only after a failover and other states of the transaction
# (25), a withdrawn login (28), no memory, disk or connections (53), a server that is not ready.
# After the others a commit may have taken effect: a broken connection of a proxy (08), a server
# that ends (57P) or fails (58, XX000), an unknown result.
_UNDONE = ("25", "28", "53", "55000", "57P03", "72000")
_UNKNOWN = ("08", "40003", "57P", "58", "XX000")
# The context of a wait for another transaction's row with the same key, in the server's English.
_INSERTING = re.compile(r'while inserting index tuple .* in relation "(\w+)"')
_ENDED = ("FATAL", "PANIC")  # the severities after which the server closes the connection
_LOGIN_REFUSED = "28"  # the class of invalid authorizations
_NO_ENTRY = "28000"  # pg_hba.conf has no entry for this user with, or without, encryption


class Contention(Exception):
    """The transaction lost a race (deadlock, serialization, outdated read) and can be repeated."""


class _PlanOutdated(Contention):
    """A prepared statement is no longer valid; nothing was changed, a new connection is needed."""


class ConstraintViolated(Exception):
    """A CHECK, UNIQUE, foreign key or guard refused; `name` is the rule's name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class LockTimedOut(Busy):
    """Somebody else holds what this request needs.

    `relation` is the index into which another transaction has inserted the same key; empty where a
    row's lock was not granted.
    """

    def __init__(self, relation: str = "") -> None:
        super().__init__()
        self.relation = relation


class InvalidData(Exception):
    """The statement cannot be computed on these values; repeating it does not help."""


class ConnectionLost(Unavailable):
    """The connection to the database was lost."""


class SessionUnusable(ConnectionLost):
    """The database refused and undid what was sent, as it serves nothing in this session."""


class LoginRefused(Unavailable):
    """The database does not accept this login, or no longer does."""


class WrongSession(Unavailable):
    """The database's sessions have settings with which values would be misread."""


BEGIN, COMMIT, ROLLBACK = (Query(word, is_lasting=True) for word in ("BEGIN", "COMMIT", "ROLLBACK"))
BEGIN_SNAPSHOT = Query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", is_lasting=True)


_CURRENT_MEANING = Query("SELECT " + ", ".join(f"current_setting('{each}')" for each in MEANING))
# DateStyle's second word only decides how dates are read that we never send.
_SAME_MEANING = {
    "DateStyle": {"iso,dmy", "iso,ymd"},
    "TimeZone": {"etc/utc", "uct", "etc/uct", "gmt", "etc/gmt", "zulu", "etc/zulu"},
    "extra_float_digits": {"2", "3"},
}
_ESCAPED_SPACE = "\\ "
_END_SESSION = (
    "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE application_name = $1"
)
_SERVERS_SHARE = 0.9  # of our wait, so that its refusal arrives
_LIMIT_STATEMENTS = "SELECT set_config('statement_timeout', $1, true)"
logger = logging.getLogger(__name__)


class Database:
    """One connection: opened on first use, probed after idling, discarded when broken.

    A connection that no longer answers is given up within PROBE_SECONDS. The next one that answers
    first ends its session, which may still hold locks, or be about to commit.

    Where the login of `url` is refused, `renewed_url` is called once for a fresh one.
    """

    def __init__(
        self, url: Callable[[], str], renewed_url: Callable[[], str] | None = None
    ) -> None:
        self._url = url
        self._renewed_url = renewed_url
        self._connection: Connection | None = None
        self._lost_sessions: list[str] = []
        self._used_at = 0.0

    @property
    def is_open(self) -> bool:
        """True while a connection is held; the server may have closed it."""
        return self._connection is not None

    def run(self, queries: Sequence[Query], *, in_transaction: bool = False) -> list[list[Row]]:
        """Run the queries in one round trip and return the rows of each.

        Args:
            queries: outside BEGIN and COMMIT, they are one transaction.
            in_transaction: the queries belong to a transaction that was begun, and so run on its
                connection or not at all.

        Raises:
            ConstraintViolated, InvalidData, Contention.
            Busy: a lock or a statement took too long.
            Unavailable: there is no connection, or no time left.
            SessionUnusable: a new connection is needed; the queries had no effect.
            ConnectionLost: the connection broke; the queries may have taken effect.
        """
        if not left_seconds():
            raise Unavailable
        try:
            connection = self._connected(in_transaction=in_transaction)
            answers = _run_in_time(connection, queries)
        except pg8000.dbapi.DatabaseError as error:
            translated = _translated(error)
            if isinstance(translated, _PlanOutdated | ConnectionLost):
                self.close()
            raise translated from error
        except (pg8000.dbapi.InterfaceError, OSError) as error:
            self._give_up()
            raise ConnectionLost from error
        except BaseException:
            self.close()  # half a message may have been sent, so nothing may follow it
            raise
        self._used_at = time.monotonic()
        return answers

    def close(self) -> None:
        """Close the connection; the next use opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _abandon(connection)

    def _give_up(self) -> None:
        """Drop a connection of whose session nothing is known."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.session_name is not None:
                self._lost_sessions.append(connection.session_name)
            connection.abort()

    def _connected(self, *, in_transaction: bool) -> Connection:
        if in_transaction:
            if self._connection is None:
                raise ConnectionLost
            return self._connection
        if self._connection is not None and time.monotonic() - self._used_at > IDLE_SECONDS:
            try:
                self._connection.probe()
            except (pg8000.dbapi.Error, OSError):
                self._give_up()
        if self._connection is None:
            self._connection = self._opened()
            self._end_lost_sessions(self._connection)
        return self._connection

    def _end_lost_sessions(self, connection: Connection) -> None:
        """End all of them; those of which no answer comes are left to the next connection."""
        names = ", ".join(self._lost_sessions)
        if not names:
            return
        logger.warning("the database did not answer; ending %s", names)
        try:
            connection.run_together(
                [Query(_END_SESSION, [name, _END_MS]) for name in self._lost_sessions]
            )
        except pg8000.dbapi.DatabaseError:
            logger.exception("not ended: %s", names)
        self._lost_sessions.clear()

    def _opened(self) -> Connection:
        try:
            return connect(self._url())
        except LoginRefused:
            if self._renewed_url is None:
                raise
            return connect(self._renewed_url())


def connect(url: str) -> Connection:
    """Open a connection with the settings in SESSION. Raises LoginRefused or Unavailable.

    With `?session=role` in the URL, the role has these settings: RDS Proxy refuses a session that
    sends them at its start, and stops sharing a connection that sets them later or that prepares
    statements by name.

    Raises:
        InvalidUrl: an option of the URL is unknown.
        WrongSession: a setting in MEANING has another value.
    """
    has_role_settings = "session" in options_of(urlsplit(url).query)
    options = " ".join(
        f"-c {name}={str(value).replace(' ', _ESCAPED_SPACE)}" for name, value in SESSION.items()
    )
    session_name = None if has_role_settings else f"lastunit {secrets.token_hex(8)}"
    try:
        connection = opened(
            url,
            timeout=left_seconds(CONNECT_TIMEOUT_SECONDS),
            application_name=session_name or "lastunit",
            startup_params={} if has_role_settings else {"options": options},
        )
    except (pg8000.dbapi.Error, OSError) as error:
        refused = sqlstate(error).startswith(_LOGIN_REFUSED)
        kind = LoginRefused if refused else Unavailable
        raise kind("The database does not answer; try again.") from error
    connection.autocommit = True
    connection.prepares = not has_role_settings
    connection.session_name = session_name
    try:
        _watch_for_silence(connection)
        _check_meaning(connection, by_asking=has_role_settings)
    except (pg8000.dbapi.Error, OSError) as error:
        _abandon(connection)
        raise Unavailable("The database does not answer; try again.") from error
    except BaseException:
        _abandon(connection)
        raise
    return connection


def _watch_for_silence(connection: Connection) -> None:
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):  # not every system has them
            option = getattr(socket, name)
            connection._usock.setsockopt(socket.IPPROTO_TCP, option, value)  # noqa: SLF001


def _run_in_time(connection: Connection, queries: Sequence[Query]) -> list[list[Row]]:
    """Run the queries; where little time is left, the server does not work for longer either."""
    seconds = answer_seconds()
    if seconds * 1000 >= STATEMENT_TIMEOUT_MS:
        return connection.run_together(queries)
    limit = Query(_LIMIT_STATEMENTS, [str(max(1, int(seconds * 1000 * _SERVERS_SHARE)))])
    # After a BEGIN: none can choose the moment that it sees once a statement has run.
    at = int(bool(queries) and queries[0] in (BEGIN, BEGIN_SNAPSHOT))
    answers = connection.run_together([*queries[:at], limit, *queries[at:]])
    return [*answers[:at], *answers[at + 1 :]]


def _check_meaning(connection: Connection, *, by_asking: bool) -> None:
    """Refuse a session that has other settings, as a proxy's or a pooler's may.

    Without asking, only the settings that the server reports at the start are known.
    """
    found: dict[str, str] = connection.parameter_statuses
    if by_asking:
        [[row]] = connection.run_together([_CURRENT_MEANING])
        found = dict(zip(MEANING, row, strict=True))
    wrong = {
        name: found[name]
        for name, pinned in MEANING.items()
        if name in found and _bare(found[name]) not in {_bare(pinned), *_SAME_MEANING.get(name, ())}
    }
    if wrong:
        logger.error("refusing a session in which values would be misread: %s", wrong)
        raise WrongSession("The database is misconfigured; nothing was done.")


def _bare(value: str) -> str:
    return value.replace(" ", "").lower()


def _abandon(connection: Connection) -> None:
    with suppress(pg8000.dbapi.Error, OSError):  # it may be broken already
        connection.close()


def opened(
    url: str, timeout: float | None = None, application_name: str = "lastunit", **settings: Any
) -> Connection:
    """Open a connection, encrypted as the URL's sslmode says; `settings` are pg8000's."""
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or 5432
    *others, last = encryptions(options_of(parts.query))

    def attempt(encryption: Encryption) -> Connection:
        usock = socket.create_connection((host, port), timeout)
        try:
            usock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            usock = encryption.apply(usock, host)
            return Connection(
                unquote(parts.username or ""),
                host=host,
                database=parts.path.lstrip("/"),
                password=unquote(parts.password or ""),
                application_name=application_name,
                sock=usock,
                ssl_context=False,
                **settings,
            )
        except BaseException:
            usock.close()
            raise

    for encryption in others:
        try:
            return attempt(encryption)
        except (pg8000.dbapi.DatabaseError, SSLError) as error:
            # libpq tries again where the server refuses this encryption, and so does this.
            if not isinstance(error, SSLError) and sqlstate(error) != _NO_ENTRY:
                raise
    return attempt(last)


def sqlstate(error: BaseException) -> str:
    """Return the server's code of an error; empty for an error that is not the server's."""
    return str(_fields(error).get("C", ""))


def _fields(error: BaseException) -> Mapping[str, str]:
    fields = error.args[0] if error.args else None
    return fields if isinstance(fields, dict) else {}  # not a dict: not an error of the server


def _timed_out(fields: Mapping[str, str]) -> Busy:
    if fields["C"] == _QUERY_CANCELED:
        return Busy()
    inserting = _INSERTING.search(fields.get("W", ""))
    return LockTimedOut(inserting[1] if inserting else "")


def _translated(error: Exception) -> Exception:
    fields, state = _fields(error), sqlstate(error)
    if fields.get("V") in _ENDED:
        return ConnectionLost()
    if state in (_DEADLOCK, _SERIALIZATION):
        return Contention(fields.get("M", ""))
    if state in _PLAN_OUTDATED:
        return _PlanOutdated(fields.get("M", ""))
    if state in (_LOCK_NOT_AVAILABLE, _QUERY_CANCELED):
        return _timed_out(fields)
    if state.startswith("23"):
        return ConstraintViolated(fields.get("n", fields.get("c", state)))
    if state.startswith("22"):
        return InvalidData(fields.get("M", state))
    if state.startswith(_UNDONE):
        return SessionUnusable()
    return ConnectionLost() if state.startswith(_UNKNOWN) else error
