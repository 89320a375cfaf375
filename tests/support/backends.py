"""The servers that tests run against, on free ports, below a temporary directory."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pg8000.native
import redis
import urllib3
from alembic import command
from alembic.config import Config

from infra.local.ports import LOOPBACK, Ports
from infra.local.postgres import start_postgres, superuser_url
from infra.local.process import Server, start_server
from infra.local.valkey import start_valkey

ROOT = Path(__file__).parents[2]
MOTO = Path(__file__).with_name("moto_server.py")
UNSAFE = {
    "fsync": "off",
    "full_page_writes": "off",
}  # only a machine that fails would lose anything
MIGRATED = "migrated"  # never used itself, so that it can be copied


@dataclass(frozen=True, slots=True)
class TestServers:
    """The running servers, and the environment variables that lead to them."""

    __test__ = False

    directory: Path
    running: list[Server]
    environment: dict[str, str]

    def stop(self) -> None:
        """End every server and remove its data."""
        for server in reversed(self.running):
            server.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


def start_test_servers(
    directory: Path, postgres_settings: Mapping[str, str] = UNSAFE
) -> TestServers:
    """Start PostgreSQL (migrated), Valkey, and moto with what the template would make."""
    directory.chmod(0o755)  # PostgreSQL may run as another user
    ports = Ports.free()
    postgres = start_postgres(directory, ports.postgres, **postgres_settings)
    running = [postgres]
    try:
        superuser = superuser_url(directory, ports.postgres)
        migrate(postgres.url)
        run(superuser, f"CREATE DATABASE {MIGRATED} TEMPLATE lastunit OWNER lastunit")
        valkey = start_valkey(directory, ports.valkey)
        running.append(valkey)
        moto = start_moto(directory, ports.emulator)
        running.append(moto)
        environment = {
            "DATABASE_URL": postgres.url,
            "SUPERUSER_URL": superuser,
            "VALKEY_URL": valkey.url,
            "AWS_ENDPOINT_URL": moto.url,
            **make_resources(moto.url),
        }
    except BaseException:
        TestServers(directory, running, {}).stop()
        raise
    return TestServers(directory, running, environment)


def migrate(url: str) -> None:
    """Bring a database's schema to the newest revision, by the migrations themselves."""
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = url
    try:
        config = Config()
        config.set_main_option("script_location", str(ROOT / "infra" / "migrations"))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "head")
    finally:
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before


def start_moto(directory: Path, port: int) -> Server:
    """Start moto's server: AWS as far as DynamoDB, SQS, EventBridge, SNS and secrets go."""
    url = f"http://{LOOPBACK}:{port}"
    server = start_server(
        "moto",
        [Path(sys.executable), "-P", MOTO, "-H", LOOPBACK, "-p", str(port)],
        url=url,
        directory=directory,
        environment={"PATH": "/usr/bin:/bin"},
    )
    server.wait_until(lambda: _answers(url), timeout_seconds=60)
    return server


@contextmanager
def own_database(superuser: str) -> Iterator[str]:
    """A copy of the migrated database, dropped afterwards."""
    name = f"own_{secrets.token_hex(8)}"
    # Its files are copied by the server's kernel, and not row by row through the log.
    run(superuser, f"CREATE DATABASE {name} TEMPLATE {MIGRATED} OWNER lastunit STRATEGY FILE_COPY")
    try:
        yield f"{superuser.rsplit('/', 1)[0]}/{name}"
    finally:
        run(superuser, f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def own_part_of(servers: dict[str, str]) -> Iterator[dict[str, str]]:
    """Provide the same servers with an empty database, and nothing in the cache."""
    with own_database(servers["SUPERUSER_URL"]) as own, closing(_cache(servers)) as cache:
        cache.flushdb()
        database = f"{servers['DATABASE_URL'].rpartition('/')[0]}/{own.rpartition('/')[2]}"
        yield servers | {"DATABASE_URL": database}


def _cache(servers: dict[str, str]) -> redis.Redis:
    return redis.Redis.from_url(servers["VALKEY_URL"])


def run(url: str, sql: str) -> list[Any]:
    """Run one statement in a session of its own; returns its rows."""
    parts = urlsplit(url)
    with closing(
        pg8000.native.Connection(
            parts.username or "",
            host=parts.hostname or LOOPBACK,
            port=parts.port or 5432,
            database=parts.path.lstrip("/"),
            password=parts.password,
            ssl_context=False,  # else it reads all certificates of the system for each connection
        )
    ) as connection:
        return connection.run(sql) or []


def make_resources(endpoint: str) -> dict[str, str]:
    """Make what functions need: the idempotency table, the nudges' queues, the bus."""
    aws = boto3.Session("test", "test", region_name="us-east-1")
    aws.client("dynamodb", endpoint_url=endpoint).create_table(
        TableName="idempotency",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    aws.client("events", endpoint_url=endpoint).create_event_bus(Name="commerce")
    sqs = aws.client("sqs", endpoint_url=endpoint)
    queue = "shipping-order-confirmed"
    for name in (queue, f"{queue}-dead-letters", "schedule-dead-letters"):
        sqs.create_queue(QueueName=name)
    return {
        "QUEUES": queue,
        "DEAD_LETTER_ONLY_QUEUES": "schedule",
        "LOG_GROUP_NAME": "/lastunit/test",
        "IDEMPOTENCY_TABLE_NAME": "idempotency",
        "EVENT_BUS_NAME": "commerce",
        "RELAY_QUEUE_URL": sqs.create_queue(QueueName="outbox-nudge")["QueueUrl"],
        "DROP_QUEUE_URL": sqs.create_queue(QueueName="drop-promotion")["QueueUrl"],
        "BEST_EFFORT_QUEUE_URL": sqs.create_queue(QueueName="products-viewed")["QueueUrl"],
    }


def _answers(url: str) -> bool:
    try:
        return urllib3.request("GET", f"{url}/moto-api/data.json", retries=False).status == 200
    except urllib3.exceptions.HTTPError:
        return False
