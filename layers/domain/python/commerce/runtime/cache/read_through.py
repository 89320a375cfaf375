"""A cache over Valkey: values with their keys, kept for a while, refilled by one caller at a time.

A kept value is *fresh* for most of its time. In the rest, one caller refills it while the others
still get it as it is. A refill is stored only while its caller holds the key's lock: `forget` takes
the lock away too, so that what was read before a change cannot be stored after it.

A value and its lock share a hash tag, and no command touches two values: many go as one message,
and each finds its own part of a cluster.
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

V = TypeVar("V", bound=BaseModel)
_Command: TypeAlias = tuple[str | int, ...]

REFILL_SECONDS = 5  # as long as a statement may take: then somebody else may try
FRESH_SHARE = (0.7, 0.9)  # of a value's time, jittered: many fills at once are not due at once

_STORE = """
if redis.call('GET', KEYS[2]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
    redis.call('DEL', KEYS[2])
end
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheRegion(Generic[V]):
    """One kind of value. `version` is its shape's: raise it with each change of the model."""

    name: str
    version: int
    model: type[V]
    seconds: int
    """Nothing is served that was loaded longer ago."""

    def key(self, id_: str) -> str:
        """Where a value is kept."""
        return f"lastunit:{{{self.name}:{self.version}:{id_}}}"


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    is_fresh: bool


class Cache:
    """Serves what is kept, else what `load` finds; Valkey's troubles are never the caller's."""

    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    @property
    def is_usable(self) -> bool:
        """Whether there is a point in asking, at the moment."""
        return not self._valkey.is_left_alone

    def get(self, shelf: CacheRegion[V], id_: str, load: Callable[[], V]) -> V:
        """One value. What `load` raises is raised, and nothing is kept."""
        return self.get_all(shelf, [id_], lambda _: {id_: load()})[id_]

    def get_all(
        self,
        shelf: CacheRegion[V],
        ids: Collection[str],
        load: Callable[[Collection[str]], Mapping[str, V]],
    ) -> dict[str, V]:
        """Several values, `load` called once at most; what it does not find is left out."""
        kept = self._find(shelf, ids)
        due = [id_ for id_ in ids if id_ not in kept or not kept[id_].is_fresh]
        if not due:
            return {id_: kept[id_].value for id_ in ids}
        token = secrets.token_hex(8)
        ours = self._lock(shelf, due, token)
        missing = [id_ for id_ in due if id_ in ours or id_ not in kept]
        started = time.time()
        loaded = load(missing) if missing else {}
        self._store(shelf, {i: v for i, v in loaded.items() if i in ours}, token, started)
        served = {id_: each.value for id_, each in kept.items() if id_ not in missing}
        return {**served, **loaded}

    def forget(self, shelf: CacheRegion[Any], ids: Collection[str]) -> None:
        """Drop values, and whatever is being loaded in their place."""
        keys = [shelf.key(id_) for id_ in ids]
        self._each([("DEL", key, _lock_of(key)) for key in keys])

    def _find(self, shelf: CacheRegion[V], ids: Collection[str]) -> dict[str, _Kept[V]]:
        keys = [shelf.key(id_) for id_ in ids]
        texts = self._each([("GET", key) for key in keys])
        found = zip(ids, map(partial(_parsed, shelf), keys, texts), strict=True)
        return {id_: kept for id_, kept in found if kept is not None}

    def _lock(self, shelf: CacheRegion[V], ids: Collection[str], token: str) -> set[str]:
        """Those of the ids that are ours to refill."""
        locks = [_lock_of(shelf.key(id_)) for id_ in ids]
        answers = self._each([("SET", lock, token, "NX", "EX", REFILL_SECONDS) for lock in locks])
        return {id_ for id_, is_ours in zip(ids, answers, strict=True) if is_ours is True}

    def _store(
        self, shelf: CacheRegion[V], values: Mapping[str, V], token: str, loaded_at: float
    ) -> None:
        fresh_until = loaded_at + shelf.seconds * random.uniform(*FRESH_SHARE)  # noqa: S311
        left_ms = int((loaded_at + shelf.seconds - time.time()) * 1000)
        if left_ms <= 0:
            return
        commands: list[_Command] = []
        for id_, value in values.items():
            key = shelf.key(id_)
            text = f"{fresh_until:.3f} {key}\n{value.model_dump_json()}"
            commands.append(("EVAL", _STORE, 2, key, _lock_of(key), token, left_ms, text))
        self._each(commands)

    def _each(self, commands: Sequence[_Command]) -> Sequence[Any]:
        """The answer to each command, asked in one message; None where Valkey does not answer."""
        if not commands:
            return []

        def ask(server: Any) -> list[Any]:
            pipeline = server.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = pipeline.execute(raise_on_error=False)
            return answers

        answers = self._valkey.ask(ask)
        if answers is None or len(answers) != len(commands):
            return [None] * len(commands)
        if refused := [each for each in answers if isinstance(each, Exception)]:
            logger.warning("Valkey refused %d of %d: %s", len(refused), len(answers), refused[0])
        return answers


def _lock_of(key: str) -> str:
    return f"{key}:refill"


def _parsed(shelf: CacheRegion[V], key: str, text: Any) -> _Kept[V] | None:
    """A kept value; None for nothing, for another key's value, and for rubbish."""
    try:
        head, _, body = text.partition(b"\n")
        fresh_until, _, name = head.partition(b" ")
        if name.decode() != key:
            return None
        return _Kept(shelf.model.model_validate_json(body), time.time() < float(fresh_until))
    except (AttributeError, TypeError, ValueError, ValidationError):
        return None


@cache
def shared_cache() -> Cache:
    """Return this environment's cache."""
    return Cache(valkey())
