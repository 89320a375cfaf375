"""A read-through cache on Valkey, in which one caller at a time refills a value.

A cached value is *fresh* for most of its time. After that, one caller refills it while the others
still get the old value. A refill is stored only while its caller holds the key's lock; `invalidate`
removes the lock too, so that a value read before a change cannot be stored after it.

A value and its lock share a hash tag, and no command touches two values: many commands are sent as
one message, and each may go to a different node of a cluster.
"""

import logging
import random
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from commerce.runtime.cache.valkey import Valkey, valkey
from commerce.runtime.deadline import Deadline

V = TypeVar("V", bound=BaseModel)
_Command: TypeAlias = tuple[str | int, ...]

REFILL_SECONDS = 5  # of a lock: as long as a statement may take
POLL_SECONDS = 0.05  # between two looks for a value that another caller is loading
FRESH_SHARE = (0.7, 0.9)  # of a value's time, jittered, so that values stored together expire apart

_STORE = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
    redis.call('DEL', KEYS[2])
end
"""

_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheRegion(Generic[V]):
    """One kind of cached value. Raise `version` with each change of the model's fields."""

    name: str
    version: int
    model: type[V]
    seconds: int
    """No value is served that was loaded longer ago."""

    def key(self, id_: str) -> str:
        """Return the key of a value."""
        return f"lastunit:{{{self.name}:{self.version}:{id_}}}"


@dataclass(frozen=True, slots=True)
class _CachedValue(Generic[V]):
    value: V
    is_fresh: bool


class Cache:
    """Serves cached values, else loads them; it never raises because of Valkey."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    @property
    def is_usable(self) -> bool:
        """False while Valkey is skipped because of a recent failure."""
        return not self._valkey.is_skipped

    def get(self, region: CacheRegion[V], id_: str, load: Callable[[], V]) -> V:
        """Return one value. An error of `load` is raised, and nothing is cached."""
        return self.get_all(region, [id_], lambda _: {id_: load()})[id_]

    def get_once(
        self, region: CacheRegion[V], id_: str, load: Callable[[], V], wait_seconds: float
    ) -> V:
        """Return one value that is costly to load: callers wait for the one that is loading it.

        After `wait_seconds`, and without Valkey, they load it themselves.
        """
        deadline = Deadline.within(wait_seconds)
        token = secrets.token_hex(8)
        while True:
            is_locked = bool(self._lock(region, [id_], token))
            # Read under the lock: its last owner may have stored the value.
            cached = self._find(region, [id_]).get(id_)
            if cached is not None and (cached.is_fresh or not is_locked):
                if is_locked:
                    self._unlock(region, [id_], token)
                return cached.value
            if is_locked or not self.is_usable or deadline.is_over:
                started, value = time.time(), load()
                self._store(region, {id_: value} if is_locked else {}, token, started)
                return value
            time.sleep(POLL_SECONDS)

    def get_all(
        self,
        region: CacheRegion[V],
        ids: Collection[str],
        load: Callable[[Collection[str]], Mapping[str, V]],
    ) -> dict[str, V]:
        """Return values by id, calling `load` at most once; ids it does not find are left out."""
        cached = self._find(region, ids)
        due = [id_ for id_ in ids if id_ not in cached or not cached[id_].is_fresh]
        if not due:
            return {id_: cached[id_].value for id_ in ids}
        token = secrets.token_hex(8)
        locked = self._lock(region, due, token)
        missing = [id_ for id_ in due if id_ in locked or id_ not in cached]
        started = time.time()
        loaded = load(missing) if missing else {}
        self._store(region, {i: v for i, v in loaded.items() if i in locked}, token, started)
        self._unlock(region, [id_ for id_ in locked if id_ not in loaded], token)
        served = {id_: each.value for id_, each in cached.items() if id_ not in missing}
        return {**served, **loaded}

    def invalidate(self, region: CacheRegion[Any], ids: Collection[str]) -> None:
        """Delete values, and prevent refills that are under way from being stored."""
        keys = [region.key(id_) for id_ in ids]
        self._run_all([("DEL", key, _lock_of(key)) for key in keys])

    def _find(self, region: CacheRegion[V], ids: Collection[str]) -> dict[str, _CachedValue[V]]:
        keys = [region.key(id_) for id_ in ids]
        texts = self._run_all([("GET", key) for key in keys])
        found = zip(ids, map(partial(_parsed, region), keys, texts), strict=True)
        return {id_: cached for id_, cached in found if cached is not None}

    def _lock(self, region: CacheRegion[V], ids: Collection[str], token: str) -> set[str]:
        """Return the ids that this caller may refill."""
        locks = [_lock_of(region.key(id_)) for id_ in ids]
        answers = self._run_all(
            [("SET", lock, token, "NX", "EX", REFILL_SECONDS) for lock in locks]
        )
        return {id_ for id_, is_locked in zip(ids, answers, strict=True) if is_locked is True}

    def _store(
        self, region: CacheRegion[V], values: Mapping[str, V], token: str, loaded_at: float
    ) -> None:
        fresh_until = loaded_at + region.seconds * random.uniform(*FRESH_SHARE)  # noqa: S311
        left_ms = int((loaded_at + region.seconds - time.time()) * 1000)
        if left_ms <= 0:
            return
        commands: list[_Command] = []
        for id_, value in values.items():
            key = region.key(id_)
            text = f"{fresh_until:.3f} {key}\n{value.model_dump_json()}"
            commands.append(("EVAL", _STORE, 2, key, _lock_of(key), token, left_ms, text))
        self._run_all(commands)

    def _unlock(self, region: CacheRegion[V], ids: Collection[str], token: str) -> None:
        locks = [_lock_of(region.key(id_)) for id_ in ids]
        self._run_all([("EVAL", _UNLOCK, 1, lock, token) for lock in locks])

    def _run_all(self, commands: Sequence[_Command]) -> Sequence[Any]:
        """Send the commands in one message; return each one's answer, None where there is none."""
        if not commands:
            return []

        def send(client: Any) -> list[Any]:
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
            return answers

        answers = self._valkey.run(send)
        if answers is None or len(answers) != len(commands):
            return [None] * len(commands)
        if refused := [each for each in answers if isinstance(each, Exception)]:
            logger.warning("Valkey refused %d of %d: %s", len(refused), len(answers), refused[0])
        return answers


def _lock_of(key: str) -> str:
    return f"{key}:refill"


def _parsed(region: CacheRegion[V], key: str, text: Any) -> _CachedValue[V] | None:
    """Read a cached value; None where there is none, or where it is malformed or another key's."""
    try:
        head, _, body = text.partition(b"\n")
        fresh_until, _, name = head.partition(b" ")
        if name.decode() != key:
            return None
        return _CachedValue(
            region.model.model_validate_json(body), time.time() < float(fresh_until)
        )
    except (AttributeError, TypeError, ValueError, ValidationError):
        return None


@cache
def shared_cache() -> Cache:
    """Return this environment's cache."""
    return Cache(valkey())
