"""Valkey as a cluster behind one address with a login, as ElastiCache Serverless is."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC

import pytest
import redis
from pydantic import BaseModel

from commerce.payment.breaker import Call, Permit, Policy, Rejected, ValkeyBreaker
from commerce.product.events import ProductViewed
from commerce.ranking.boards import Boards
from commerce.ranking.model import Activity, Period, ProductDelta, Weights, Window
from commerce.runtime.cache.read_through import Cache, CacheRegion
from commerce.runtime.cache.valkey import StrictValkey, Valkey
from commerce.runtime.messaging.best_effort import BestEffortEvents
from commerce.runtime.messaging.bus import Envelope
from commerce.shared import clock
from infra.local.ports import Ports
from infra.local.valkey import start_valkey
from infra.template import ROOT, read_template, resources

pytestmark = pytest.mark.usefixtures("shop_environment")  # Valkey is waited for longer
CACHE = ROOT / "infra/production/cache.yaml"
SLOTS = 16384
HIGHEST_PORT = 55_535


class Box(BaseModel):
    content: str


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server that has all slots, reached with what production's login may do, no more."""
    directory = tmp_path_factory.mktemp("cluster")
    server = start_valkey(directory, _port(), "--cluster-enabled", "yes")
    password = secrets.token_hex(16)
    [user] = resources(read_template(CACHE), "AWS::ElastiCache::User").values()
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
        rules = user["AccessString"].split()
        client.execute_command("ACL", "SETUSER", user["UserName"], f">{password}", *rules)
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
            assert client.ping()
    yield server.url.replace("//", f"//{user['UserName']}:{password}@")
    server.stop()


def _port() -> int:
    """One that is free, where the cluster's own, ten thousand further, is a port as well."""
    while (port := Ports.free().valkey) > HIGHEST_PORT:
        pass
    return port


def test_the_cluster_login_is_limited_to_our_keys(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        with pytest.raises(redis.ResponseError, match="same slot"):
            client.mget("lastunit:a", "lastunit:b")
        with pytest.raises(redis.ResponseError, match="no permissions"):
            client.get("another's")
        with pytest.raises(redis.ResponseError, match="no permissions"):
            client.flushall()


def test_values_in_many_slots_are_cached_refreshed_and_invalidated(url: str) -> None:
    cache, asked = Cache(Valkey(lambda: url)), []
    region = CacheRegion("box", 1, Box, 60)
    ids = [str(number) for number in range(100)]

    def load(missing: Collection[str]) -> dict[str, Box]:
        asked.append(len(missing))
        return {id_: Box(content=id_) for id_ in missing}

    for _ in range(2):
        assert cache.get_all(region, ids, load) == {id_: Box(content=id_) for id_ in ids}
    cache.invalidate(region, ids[:3])
    cache.get_all(region, ids, load)
    assert asked == [100, 3]


def test_boards_work_on_a_cluster(url: str) -> None:
    boards = Boards(StrictValkey(lambda: url), lambda: UTC)
    weights = Weights(version=1, view=1.0, like=0.0, order=0.0)
    product = clock.new_id()
    today = Window.containing(Period.DAILY, clock.now(), UTC)

    now = clock.now()
    views = ProductDelta(product, views=3, likes=0, amount=0)
    boards.add([Activity(clock.new_id(), now, [views])], weights)
    assert boards.carry(today, today.following(UTC), weights)
    heavier = Weights(version=2, view=2.0, like=0.0, order=0.0)
    assert boards.rescore(today, heavier)

    page = boards.page(today, heavier, 0, 10)
    assert page is not None
    assert [(each.product_id, each.score) for each in page.items] == [(product, 6.0)]
    assert boards.rank(today.following(UTC), str(product)) == 1


def test_the_breaker_opens_on_a_cluster(url: str) -> None:
    breaker = ValkeyBreaker(Valkey(lambda: url), Policy(minimum_calls=2), lambda _: None)
    for _ in range(2):
        permit = breaker.admit()
        assert isinstance(permit, Permit)
        assert permit.version is not None
        breaker.report(permit, [Call(0.1, "refused")])
    assert isinstance(breaker.admit(), Rejected)


def test_best_effort_events_are_recorded_and_published_on_a_cluster(url: str) -> None:
    nudged = []
    events = BestEffortEvents(Valkey(lambda: url), lambda: nudged.append(1))
    for _ in range(2):
        view, product = clock.new_id(), clock.new_id()
        event = ProductViewed(aggregate_id=view, aggregate_version=1, product_id=product)
        events.record_once(event, str(view), "2026031014")
    bus = Bus()
    assert events.move_to(bus) == 2
    assert (len(nudged), bus.taken) == (1, 2)


class Bus:
    """Takes everything."""

    taken = 0

    def put(self, envelopes: Sequence[Envelope]) -> list[str | None]:
        self.taken += len(envelopes)
        return [None] * len(envelopes)
