"""The servers of `make test-servers`: a run finds them empty, and one run at a time has them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import psutil
import pytest
import redis

from infra.local.down import TEST_SERVERS, end_everything
from infra.local.process import ProcessRecord
from tests.support import backends, kept_servers
from tests.support.backends import ROOT
from tests.support.kept_servers import KeptServers, Place, take


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("kept"))
    path = os.pathsep.join(["layers/domain/python", "."])
    command = [sys.executable, "-m", "tests.support.kept_servers", str(place.local)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, check=True)
    yield place
    end_everything(place.local)


@contextmanager
def taken(place: Place) -> Iterator[KeptServers]:
    servers = take(place)
    assert servers is not None
    try:
        yield servers
    finally:
        servers.stop()


def databases(servers: KeptServers) -> set[str]:
    names = backends.run(servers.environment["SUPERUSER_URL"], "SELECT datname FROM pg_database")
    return {name for [name] in names}


def test_a_run_finds_nothing_that_another_left(place: Place) -> None:
    with taken(place) as first:
        url = first.environment["DATABASE_URL"]
        backends.run(url, "INSERT INTO brand VALUES (gen_random_uuid(), 'left', '', 1, now())")
        redis.Redis.from_url(first.environment["VALKEY_URL"]).set("left", "behind")
        sqs = boto3.client("sqs", "us-east-1", endpoint_url=first.environment["AWS_ENDPOINT_URL"])
        sqs.create_queue(QueueName="left-behind")
        names = databases(first)

    with taken(place) as second:
        assert backends.run(second.environment["DATABASE_URL"], "SELECT * FROM brand") == []
        assert redis.Redis.from_url(second.environment["VALKEY_URL"]).keys() == []
        queues = sqs.list_queues()["QueueUrls"]
        assert second.environment["RELAY_QUEUE_URL"] in queues
        assert not [queue for queue in queues if queue.endswith("left-behind")]
        assert len(databases(second)) == len(names)
        assert url.rpartition("/")[2] not in databases(second)


def test_a_second_run_at_the_same_time_does_not_get_them(place: Place) -> None:
    with taken(place):
        assert take(place) is None
    with taken(place):
        pass


def test_servers_made_from_other_files_are_not_used(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_servers, "made_from", lambda: "another migration")
    assert take(place) is None


def test_they_are_not_started_twice_and_end_without_a_trace(place: Place) -> None:
    record = ProcessRecord.read(place.record)
    assert record is not None
    servers = psutil.Process(record.pid).children()
    assert len(servers) == 3
    assert kept_servers.main(place) == 0
    assert ProcessRecord.read(place.record) == record

    assert end_everything(place.local) == [TEST_SERVERS]

    assert [each for each in servers if each.is_running()] == []
    assert not place.record.exists()
    assert not place.servers.exists()
    assert take(Place(Path(place.local))) is None
