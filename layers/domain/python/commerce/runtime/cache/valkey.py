"""Clients of Valkey: one that callers can do without, and a strict one.

Valkey stores nothing that must not be lost. So the usual client never raises and never waits long:
after a failure, this execution environment skips Valkey for some seconds, instead of letting every
request wait for a time-out.
"""

import logging
import random
import re
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from commerce.runtime import settings
from commerce.runtime.deadline import left_seconds
from commerce.shared.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

TIMEOUT_SECONDS = 0.1  # slower counts as down (spec §9)
STRICT_TIMEOUT_SECONDS = 2.0  # of the strict client, which no shopper waits for
SKIP_SECONDS = 5.0  # after a failure, jittered upwards by a half

# Refusals that concern the server or the login, not the command: a demoted or starting server, a
# cluster that moved its keys. Another connection may lead to a server that serves.
_SERVES_NOTHING = frozenset(
    {"ASK", "BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "MOVED", "NOAUTH"}
    | {"NOREPLICAS", "READONLY", "TRYAGAIN", "UNBLOCKED", "WRONGPASS"}
)
# The code is the first word, but a pipeline and old servers' scripts write before it.
_CODE = re.compile(r"(?:^|caused error: |\s-)([A-Z]+)\b")

logger = logging.getLogger(__name__)


class _Connection:
    """The connections to one server: opened on first use, and again after `close`."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._client: Redis | None = None

    def close(self) -> None:
        """Close the connections; the next command opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self, timeout_seconds: float | None = None) -> "Redis":
        if self._client is None:
            self._client = connect(self._url(), timeout_seconds)
        return self._client


class Valkey(_Connection):
    """A client that tries once, waits briefly, and answers None instead of raising.

    The server may be a cluster behind one address (ElastiCache Serverless): all keys of one command
    or script share a hash tag.
    """

    def __init__(self, url: Callable[[], str]) -> None:
        super().__init__(url)
        self._skipped_until = 0.0

    @property
    def is_skipped(self) -> bool:
        """True while nothing is sent, because of a recent failure."""
        return time.monotonic() < self._skipped_until

    def run(self, command: Callable[["Redis"], T]) -> T | None:
        """Run one or more commands on the client; return the result.

        None where Valkey is skipped, fails, or refuses the command, or there is no time for it.
        """
        if self.is_skipped or not _has_time(TIMEOUT_SECONDS):
            return None
        try:
            client = self._connected()
            started = time.monotonic()
            result = _checked(command(client))
        except Exception as error:  # noqa: BLE001  (any failure counts as unavailable)
            if _is_refusal(error):
                logger.warning("Valkey refused: %s", error)
            else:
                self._skip(repr(error))
            return None
        if time.monotonic() - started > TIMEOUT_SECONDS:  # each answer was in time, their sum not
            self._skip("slow")
        return result

    def _skip(self, reason: str) -> None:
        pause = SKIP_SECONDS * random.uniform(1, 1.5)  # noqa: S311  (jitter, not a secret)
        self._skipped_until = time.monotonic() + pause
        logger.warning("Valkey is skipped for %.1f s: %s", pause, reason)
        self.close()  # the rest of a late answer must not be read as the next one


class StrictValkey(_Connection):
    """A client for work that must be done: it waits longer, and its failures are raised."""

    def run(self, command: Callable[["Redis"], T]) -> T:
        """Run one or more commands on the client; return the result.

        Raises:
            Unavailable: the command failed, and may have taken effect.
            redis.ResponseError: the server refused the command.
        """
        timeout_seconds = max(STRICT_TIMEOUT_SECONDS, TIMEOUT_SECONDS)
        if not _has_time(timeout_seconds):
            raise Unavailable
        try:
            client = self._connected(timeout_seconds)
            return _checked(command(client))
        except Exception as error:
            if _is_refusal(error):
                raise
            self.close()  # the rest of a late answer must not be read as the next one
            raise Unavailable("Valkey does not answer; try again.") from error


def connect(url: str, timeout_seconds: float | None = None) -> "Redis":
    """Make a client that connects on first use and tries once, for TIMEOUT_SECONDS by default."""
    # Imported on use: most functions do not need it, and it takes longer to import than our code.
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    wait_seconds = timeout_seconds or TIMEOUT_SECONDS
    options: dict[str, Any] = {
        "socket_connect_timeout": wait_seconds,
        "socket_timeout": wait_seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # without a handshake: the first message is the first command
        "driver_info": None,
    }
    return Redis.from_url(url, **options)


def _has_time(timeout_seconds: float) -> bool:
    """Return true where the invocation outlasts the time-outs of connecting and of a command."""
    return left_seconds() > 2 * timeout_seconds


def _is_refusal(error: Exception) -> bool:
    """Return true where the server works, and rejects this command."""
    from redis.exceptions import ResponseError

    if not isinstance(error, ResponseError):
        return False
    codes = {error.status_code, *_CODE.findall(str(error))}
    return codes.isdisjoint(_SERVES_NOTHING)


def _checked(result: T) -> T:
    """Raise the first error in a pipeline's answers after which the connection is of no use."""
    for each in result if isinstance(result, list) else ():
        if isinstance(each, Exception) and not _is_refusal(each):
            raise each
    return result


@cache
def valkey() -> Valkey:
    """Return this environment's client, for work that can do without Valkey."""
    return Valkey(settings.valkey_url)


@cache
def strict_valkey() -> StrictValkey:
    """Return this environment's strict client, for work that must be done."""
    return StrictValkey(settings.valkey_url)
