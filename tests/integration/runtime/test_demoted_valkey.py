"""A Valkey that is demoted under a warm client: the client goes to the new primary."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commerce.runtime.cache.valkey import StrictValkey, Valkey, connect
from commerce.shared.errors import Unavailable
from infra.local.ports import LOOPBACK, Ports
from infra.local.process import Server
from infra.local.valkey import start_valkey

pytestmark = pytest.mark.usefixtures("shop_environment")

SCRIPT = "return redis.call('SET', KEYS[1], ARGV[1])"


@pytest.fixture
def primary(tmp_path: Path) -> Iterator[Server]:
    running = start_valkey(tmp_path, Ports.free().valkey)
    yield running
    running.stop()


def demote(url: str) -> None:
    with connect(url) as client:
        client.replicaof(LOOPBACK, str(Ports.free().valkey))


def pipelined(client: Any) -> Any:
    pipeline = client.pipeline(transaction=False)
    pipeline.get("a").set("a", 1)
    return pipeline.execute(raise_on_error=False)


WRITES = {
    "command": lambda client: client.set("a", 1),
    "script": lambda client: client.eval(SCRIPT, 1, "a", 1),
    "pipeline": pipelined,
    "strict pipeline": lambda client: client.pipeline().set("a", 1).execute(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_client_of_a_demoted_server_connects_again(primary: Server, write: Any) -> None:
    client, strict = Valkey(lambda: primary.url), StrictValkey(lambda: primary.url)
    assert client.run(write) is not None
    assert strict.run(write) is not None
    demote(primary.url)

    assert client.run(write) is None
    assert client.is_skipped
    with pytest.raises(Unavailable):
        strict.run(write)

    with connect(primary.url) as promoted:
        promoted.replicaof("NO", "ONE")
    client._skipped_until = 0
    assert client.run(write) is not None
    assert strict.run(write) is not None
    client.close()
    strict.close()
