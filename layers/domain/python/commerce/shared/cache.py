"""A cache over Valkey: values with their keys, kept for a while, refilled by one caller at a time.

A kept value is *fresh* for most of its time. In the rest, one caller refills it while the others
still get it as it is. A refill is stored only while its caller holds the key's lock: `forget` takes
the lock away too, so that what was read before a change cannot be stored after it.
"""

import random
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from commerce.shared.valkey import Valkey

V = TypeVar("V", bound=BaseModel)

REFILL_SECONDS = 5  # as long as a statement may take: then somebody else may try
FRESH_SHARE = (0.7, 0.9)  # of a value's time, jittered: many fills at once are not due at once

# One message each, however many keys: a list's page has a hundred.
_LOCK = """
local ours = {}
for number, key in ipairs(KEYS) do
    ours[number] = redis.call('SET', key, ARGV[1], 'NX', 'EX', ARGV[2]) and 1 or 0
end
return ours
"""
_STORE = """
for number = 1, #KEYS, 2 do
    local key, lock = KEYS[number], KEYS[number + 1]
    if redis.call('GET', lock) == ARGV[1] then
        redis.call('SET', key, ARGV[2 + (number + 1) / 2], 'PX', ARGV[2])
        redis.call('DEL', lock)
    end
end
"""


@dataclass(frozen=True, slots=True)
class Shelf(Generic[V]):
    """One kind of value. `version` is its shape's: raise it with each change of the model."""

    name: str
    version: int
    model: type[V]
    seconds: int
    """Nothing is served that was loaded longer ago."""

    def key(self, id_: str) -> str:
        """Where a value is kept."""
        return f"lastunit:{self.name}:{self.version}:{id_}"


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

    def get(self, shelf: Shelf[V], id_: str, load: Callable[[], V]) -> V:
        """One value. What `load` raises is raised, and nothing is kept."""
        return self.get_all(shelf, [id_], lambda _: {id_: load()})[id_]

    def get_all(
        self,
        shelf: Shelf[V],
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

    def forget(self, shelf: Shelf[Any], ids: Collection[str]) -> None:
        """Drop values, and whatever is being loaded in their place."""
        keys = [key for id_ in ids for key in (shelf.key(id_), _lock_of(shelf.key(id_)))]
        if keys:
            self._valkey.ask(lambda server: server.delete(*keys))

    def _find(self, shelf: Shelf[V], ids: Collection[str]) -> dict[str, _Kept[V]]:
        keys = [shelf.key(id_) for id_ in ids]
        texts = self._valkey.ask(lambda server: server.mget(keys)) if keys else None
        if not isinstance(texts, list) or len(texts) != len(keys):
            return {}
        found = zip(
            ids, (_parsed(shelf, k, t) for k, t in zip(keys, texts, strict=True)), strict=True
        )
        return {id_: kept for id_, kept in found if kept is not None}

    def _lock(self, shelf: Shelf[V], ids: Collection[str], token: str) -> set[str]:
        """Those of the ids that are ours to refill."""
        locks = [_lock_of(shelf.key(id_)) for id_ in ids]
        answers = self._valkey.ask(
            lambda server: server.eval(_LOCK, len(locks), *locks, token, REFILL_SECONDS)
        )
        if not isinstance(answers, list) or len(answers) != len(locks):
            return set()
        return {id_ for id_, is_ours in zip(ids, answers, strict=True) if is_ours == 1}

    def _store(
        self, shelf: Shelf[V], values: Mapping[str, V], token: str, loaded_at: float
    ) -> None:
        fresh_until = loaded_at + shelf.seconds * random.uniform(*FRESH_SHARE)  # noqa: S311
        left_ms = int((loaded_at + shelf.seconds - time.time()) * 1000)
        if not values or left_ms <= 0:
            return
        keys: list[str] = []
        texts: list[str] = []
        for id_, value in values.items():
            key = shelf.key(id_)
            keys += [key, _lock_of(key)]
            texts.append(f"{fresh_until:.3f} {key}\n{value.model_dump_json()}")
        self._valkey.ask(
            lambda server: server.eval(_STORE, len(keys), *keys, token, left_ms, *texts)
        )


def _lock_of(key: str) -> str:
    return f"{key}:refill"


def _parsed(shelf: Shelf[V], key: str, text: Any) -> _Kept[V] | None:
    """A kept value; None for nothing, for another key's value, and for rubbish."""
    try:
        head, _, body = text.partition(b"\n")
        fresh_until, _, name = head.partition(b" ")
        if name.decode() != key:
            return None
        return _Kept(shelf.model.model_validate_json(body), time.time() < float(fresh_until))
    except (AttributeError, TypeError, ValueError, ValidationError):
        return None
