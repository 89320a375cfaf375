"""Valkey as a convenience: it answers at once, or we go on without it.

Nothing that must be right is kept there. So no caller sees an error of it, and none waits for it
longer than a moment: after a failure it is left alone for some seconds, by this execution
environment, instead of costing each request a time-out.
"""

import logging
import random
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from commerce.runtime import settings
from commerce.shared.errors import Unavailable

if TYPE_CHECKING:
    from redis import Redis

T = TypeVar("T")

TIMEOUT_SECONDS = 0.1  # SPEC §7: slower than 100 ms is as good as down
STRICT_TIMEOUT_SECONDS = 2.0  # where nobody waits for the answer, but work must be done
SKIP_SECONDS = 5.0  # how long it is left alone after a failure, jittered upwards by a half

logger = logging.getLogger(__name__)


class Valkey:
    """One server, asked once per question and never waited for.

    It may be a cluster behind one address (ElastiCache Serverless): what one command or script
    touches shares a hash tag.
    """

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._client: Redis | None = None
        self._asked_again_at = 0.0

    @property
    def is_left_alone(self) -> bool:
        """Whether a question would not even be asked."""
        return time.monotonic() < self._asked_again_at

    def ask(self, question: Callable[["Redis"], T]) -> T | None:
        """What the server answers; None where it does not, answers rubbish, or is left alone."""
        if self.is_left_alone:
            return None
        try:
            server = self._connected()
            started = time.monotonic()
            answer = question(server)
        except Exception as error:  # noqa: BLE001  (down, slow or speaking in tongues: all the same)
            if _is_refusal(error):
                logger.warning("Valkey refused: %s", error)
            else:
                self._leave_alone(repr(error))
            return None
        if time.monotonic() - started > TIMEOUT_SECONDS:  # it answers, but drop by drop
            self._leave_alone("slow")
        return answer

    def close(self) -> None:
        """Let go of the connections; the next question makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> "Redis":
        if self._client is None:
            self._client = connect(self._url())
        return self._client

    def _leave_alone(self, reason: str) -> None:
        pause = SKIP_SECONDS * random.uniform(1, 1.5)  # noqa: S311  (jitter, not a secret)
        self._asked_again_at = time.monotonic() + pause
        logger.warning("Valkey is left alone for %.1f s: %s", pause, reason)
        self.close()  # what is left of an answer must not be read as the next one


class StrictValkey:
    """The same server where the work must be done: waited for longer, and its failure is ours."""

    def __init__(self, url: Callable[[], str]) -> None:
        self._url = url
        self._client: Redis | None = None

    def ask(self, question: Callable[["Redis"], T]) -> T:
        """What the server answers. Raises Unavailable: whether it took effect is unknown then."""
        try:
            if self._client is None:
                self._client = connect(self._url(), max(STRICT_TIMEOUT_SECONDS, TIMEOUT_SECONDS))
            return question(self._client)
        except Exception as error:
            if _is_refusal(error):
                raise
            self.close()  # what is left of an answer must not be read as the next one
            raise Unavailable("Valkey does not answer; try again.") from error

    def close(self) -> None:
        """Let go of the connections; the next question makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def connect(url: str, timeout_seconds: float | None = None) -> "Redis":
    """A client that tries once and waits 0.1 s, or as told; it connects when it is first used."""
    # Imported on use: most functions never ask, and the package takes longer to import than ours.
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    wait_seconds = timeout_seconds or TIMEOUT_SECONDS
    options: dict[str, Any] = {
        "socket_connect_timeout": wait_seconds,
        "socket_timeout": wait_seconds,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # no handshake: the first question is the first message
        "driver_info": None,
    }
    return Redis.from_url(url, **options)


def _is_refusal(error: Exception) -> bool:
    """Whether the server is well, and only cannot do this with what is kept there."""
    from redis.exceptions import ResponseError

    return isinstance(error, ResponseError)


@cache
def valkey() -> Valkey:
    """Return this environment's cache server, for what can be done without it."""
    return Valkey(settings.valkey_url)


@cache
def strict_valkey() -> StrictValkey:
    """Return the same server, for what must be done."""
    return StrictValkey(settings.valkey_url)
