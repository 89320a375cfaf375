"""The cache on a real server: cached values, their lifetime, and their refill."""

import os
import secrets
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from pydantic import BaseModel

from commerce.runtime.cache.read_through import Cache, CacheRegion
from commerce.runtime.cache.valkey import Valkey


class Box(BaseModel):
    content: str


@pytest.fixture
def server() -> redis.Redis:
    return redis.Redis.from_url(os.environ["VALKEY_URL"])


@pytest.fixture
def cache() -> Cache:
    return Cache(Valkey(lambda: os.environ["VALKEY_URL"]))


@pytest.fixture
def region() -> CacheRegion[Box]:
    return a_region()


def a_region(seconds: int = 60, version: int = 1, name: str | None = None) -> CacheRegion[Box]:
    return CacheRegion(name or f"test-{secrets.token_hex(4)}", version, Box, seconds)


class Loader:
    """Loads boxes, and counts."""

    def __init__(self, *unknown: str) -> None:
        self.asked: list[list[str]] = []
        self.unknown = unknown
        self.suffix = ""

    def __call__(self, ids: Collection[str]) -> dict[str, Box]:
        self.asked.append(list(ids))
        return {id_: Box(content=id_ + self.suffix) for id_ in ids if id_ not in self.unknown}

    def one(self, id_: str) -> Callable[[], Box]:
        return lambda: self([id_])[id_]


def age(server: redis.Redis, region: CacheRegion[Box], id_: str) -> None:
    """Make a cached value due to be refilled."""
    text = server.get(region.key(id_))
    assert isinstance(text, bytes)
    head, _, body = text.partition(b"\n")
    server.set(region.key(id_), b"1.000 " + head.split(b" ")[1] + b"\n" + body, keepttl=True)


def contents(boxes: dict[str, Box]) -> dict[str, str]:
    return {id_: box.content for id_, box in boxes.items()}


def test_a_cached_value_is_not_loaded_again(cache: Cache, region: CacheRegion[Box]) -> None:
    load = Loader()
    for _ in range(3):
        assert cache.get(region, "a", load.one("a")) == Box(content="a")
    assert load.asked == [["a"]]


def test_only_missing_values_are_loaded_in_one_call(cache: Cache, region: CacheRegion[Box]) -> None:
    load = Loader("unknown")
    cache.get_all(region, ["a", "b"], load)
    found = cache.get_all(region, ["c", "a", "unknown", "d"], load)
    assert contents(found) == {"a": "a", "c": "c", "d": "d"}
    assert load.asked == [["a", "b"], ["c", "unknown", "d"]]
    assert cache.get_all(region, [], load) == {}
    assert len(load.asked) == 2


def test_a_value_that_cannot_be_loaded_is_not_cached(
    cache: Cache, region: CacheRegion[Box]
) -> None:
    def fail() -> Box:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            cache.get(region, "a", fail)
    assert cache.get(region, "a", Loader().one("a")) == Box(content="a")


def test_a_value_that_did_not_exist_is_cached_once_it_does(
    cache: Cache, region: CacheRegion[Box]
) -> None:
    assert cache.get_all(region, ["a"], Loader("a")) == {}
    load = Loader()
    for _ in range(2):
        assert contents(cache.get_all(region, ["a"], load)) == {"a": "a"}
    assert load.asked == [["a"]]


def test_a_value_lives_from_the_moment_at_which_its_loading_began(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = [time.time()]
    monkeypatch.setattr(time, "time", lambda: moments[-1])

    def slowly() -> Box:
        moments.append(moments[-1] + 50)
        return Box(content="a")

    cache.get(region, "a", slowly)
    assert 0 < int(str(server.pttl(region.key("a")))) <= 10_000


def test_values_expire_within_their_time_at_spread_moments(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    fresh_until = set()
    for id_ in "abcdefgh":
        cache.get(region, id_, Loader().one(id_))
        text = server.get(region.key(id_))
        assert isinstance(text, bytes)
        fresh_until.add(float(text.split(b" ")[0]))
        assert 55_000 < int(str(server.pttl(region.key(id_)))) <= 60_000
    assert len(fresh_until) > 4
    assert max(fresh_until) - min(fresh_until) < 15


def test_another_schema_version_has_another_key(cache: Cache, region: CacheRegion[Box]) -> None:
    load = Loader()
    cache.get(region, "a", load.one("a"))
    newer = a_region(version=2, name=region.name)
    cache.get(newer, "a", load.one("a"))
    assert load.asked == [["a"], ["a"]]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"nonsense",
        b"\xff\xfe\x00",
        b"{}",
        b'99999999999.0 KEY\n{"content": 1}',
        b'99999999999.0 KEY\n{"content": "cut o',
        b'99999999999.0 another-key\n{"content": "b"}',
        b'soon KEY\n{"content": "b"}',
    ],
)
def test_garbage_is_ignored_and_overwritten(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis, garbage: bytes
) -> None:
    server.set(region.key("a"), garbage.replace(b"KEY", region.key("a").encode()))
    load = Loader()
    for _ in range(2):
        assert cache.get(region, "a", load.one("a")) == Box(content="a")
    assert load.asked == [["a"]]


def test_a_key_of_another_type_is_overwritten(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    server.rpush(region.key("a"), "not", "ours")
    load = Loader()
    for _ in range(2):
        assert cache.get(region, "a", load.one("a")) == Box(content="a")
    assert load.asked == [["a"]]


def test_an_invalidated_value_is_loaded_again(cache: Cache, region: CacheRegion[Box]) -> None:
    load = Loader()
    cache.get_all(region, ["a", "b"], load)
    cache.invalidate(region, ["a"])
    cache.invalidate(region, [])
    cache.get_all(region, ["a", "b"], load)
    assert load.asked == [["a", "b"], ["a"]]


def test_one_caller_refreshes_while_others_get_the_old_value(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    cache.get(region, "a", Loader().one("a"))
    age(server, region, "a")
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> Box:
        hangs.set()
        assert goes_on.wait(10)
        return Box(content="new")

    with ThreadPoolExecutor(1) as thread:
        refill = thread.submit(cache.get, region, "a", hang)
        assert hangs.wait(10)
        load = Loader()
        for _ in range(5):
            assert cache.get(region, "a", load.one("a")) == Box(content="a")
        assert load.asked == []
        goes_on.set()
        assert refill.result(10) == Box(content="new")
    assert cache.get(region, "a", load.one("a")) == Box(content="new")


def test_while_a_first_load_hangs_others_load_for_themselves(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def hang() -> Box:
        hangs.set()
        assert goes_on.wait(10)
        return Box(content="a")

    with ThreadPoolExecutor(1) as thread:
        refill = thread.submit(cache.get, region, "a", hang)
        assert hangs.wait(10)
        load = Loader()
        for _ in range(2):
            assert cache.get(region, "a", load.one("a")) == Box(content="a")
        assert load.asked == [["a"], ["a"]]
        assert server.get(region.key("a")) is None  # storing is the first one's
        goes_on.set()
        refill.result(10)
    assert server.get(region.key("a")) is not None


def test_a_hundred_callers_never_load_a_value_concurrently(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    cache.get(region, "a", Loader().one("a"))
    age(server, region, "a")
    loading, busy = threading.Lock(), 0

    def load() -> Box:
        nonlocal busy
        busy += not loading.acquire(blocking=False)
        time.sleep(0.05)
        loading.release()
        return Box(content="again")

    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(lambda _: cache.get(region, "a", load), range(100)))
    assert {box.content for box in found} <= {"a", "again"}
    assert busy == 0


def test_a_value_loaded_before_invalidation_is_not_cached(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    def load_and_be_overtaken() -> Box:
        cache.invalidate(region, ["a"])
        return Box(content="old")

    assert cache.get(region, "a", load_and_be_overtaken) == Box(content="old")
    assert server.get(region.key("a")) is None


def test_a_dead_owners_lock_is_released(
    cache: Cache, region: CacheRegion[Box], server: redis.Redis
) -> None:
    with pytest.raises(LookupError):
        cache.get(region, "a", lambda: dict[str, Box]()["a"])
    assert 0 < int(str(server.ttl(f"{region.key('a')}:refill"))) <= 5
