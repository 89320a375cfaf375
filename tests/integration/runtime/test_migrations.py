"""The migrating function: what it answers a deploy and an operator, and two of them at once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from commerce.runtime.health import SCHEMA_REVISION
from infra.local.ports import LOOPBACK, Ports
from infra.migrations.migrate import FOLDER, handler, migrate
from tests.support import backends
from tests.support.lambda_calls import lambda_context
from tests.support.other_connection import an_observer, held_by_another, wait_until

TURN = 7_235_119_002  # the advisory lock of infra/migrations/env.py
BLOCKED = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'advisory'"
LOGIN = "postgresql://lastunit:a-secret"


@pytest.fixture
def own_database(own_database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database, to which the function is led."""
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    return own_database_url


@pytest.fixture
def at_0012(own_database: str) -> str:
    """The same, before a migration that builds indexes and one that needs a lock on products."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    command.downgrade(config, "0012")
    return own_database


@pytest.fixture
def unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that does not answer."""
    monkeypatch.setenv("DATABASE_URL", f"{LOGIN}@{LOOPBACK}:{Ports.free().postgres}/lastunit")


@contextmanager
def cloudformation() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Provide an address to answer to, and the answers that arrive there."""
    answers: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer((LOOPBACK, 0), Receiver) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://{LOOPBACK}:{server.server_port}/", answers
        server.shutdown()
        serving.join()


def answer_to(request_type: str) -> dict[str, Any]:
    """Return what CloudFormation is answered to a request."""
    with cloudformation() as (url, answers):
        event = {
            "RequestType": request_type, "ResponseURL": url, "StackId": "stack",
            "RequestId": "request", "LogicalResourceId": "Migration",
        }  # fmt: skip
        handler(event, lambda_context())
    [answer] = answers
    return answer


@pytest.mark.usefixtures("own_database")
def test_a_caller_gets_the_revision() -> None:
    assert handler({}, lambda_context()) == {"revision": SCHEMA_REVISION}


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_deploy_gets_the_revision(request_type: str) -> None:
    assert answer_to(request_type) == {
        "Status": "SUCCESS", "Reason": "", "PhysicalResourceId": "schema", "StackId": "stack",
        "RequestId": "request", "LogicalResourceId": "Migration",
        "Data": {"revision": SCHEMA_REVISION},
    }  # fmt: skip


@pytest.mark.usefixtures("unreachable")
def test_a_failed_migration_fails_the_deploy_without_the_login() -> None:
    answer = answer_to("Update")
    assert (answer["Status"], answer["Data"]) == ("FAILED", {})
    assert answer["Reason"].startswith("The migration failed with ")
    assert "a-secret" not in answer["Reason"]


@pytest.mark.usefixtures("unreachable")
def test_deleting_the_stack_migrates_nothing() -> None:
    answer = answer_to("Delete")
    assert (answer["Status"], answer["Data"]) == ("SUCCESS", {})


def test_a_second_deploy_waits_for_the_first(own_database: str) -> None:
    name = own_database.rpartition("/")[2]
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(own_database, "SELECT pg_advisory_xact_lock($1)", TURN) as first,
        an_observer(own_database) as look,
    ):
        second = threads.submit(migrate)
        wait_until(lambda: look(BLOCKED, name) or second.done())
        assert not second.done()
        first.close()
        assert second.result() == SCHEMA_REVISION


def test_a_schema_that_is_ahead_of_the_code_is_left_as_it_is(own_database: str) -> None:
    backends.run(own_database, "UPDATE alembic_version SET version_num = '9999'")
    assert migrate() == "9999"
    assert answer_to("Update")["Data"] == {"revision": "9999"}


def test_a_migration_gives_way_every_three_seconds_until_it_has_its_lock(
    at_0012: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = "LOCK TABLE product IN ACCESS SHARE MODE"
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'relation'"
    name = at_0012.rpartition("/")[2]
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(at_0012, readers) as reader,
        an_observer(at_0012) as look,
    ):
        migrating = threads.submit(migrate)
        for _ in range(2):  # it waits, lets go, and waits again
            wait_until(lambda: look(waits, name) or migrating.done())
            wait_until(lambda: not look(waits, name) or migrating.done())
        assert not migrating.done()
        # What came before is committed, and holds no lock.
        assert [row.version_num for row in look("SELECT version_num FROM alembic_version")] == [
            "0013"
        ]
        reader.close()
        assert migrating.result() == SCHEMA_REVISION


def test_writes_go_on_while_an_index_is_built(at_0012: str) -> None:
    name = at_0012.rpartition("/")[2]
    builds = "SELECT 1 FROM pg_stat_progress_create_index WHERE datname = $1"
    writes = "LOCK TABLE stock_movement IN ROW EXCLUSIVE MODE"
    with (
        ThreadPoolExecutor(max_workers=1) as threads,
        held_by_another(at_0012, writes) as writer,
        an_observer(at_0012) as look,
    ):
        migrating = threads.submit(migrate)
        wait_until(lambda: look(builds, name) or migrating.done())
        with held_by_another(at_0012, f"{writes} NOWAIT"):
            assert not migrating.done()
        writer.close()
        assert migrating.result() == SCHEMA_REVISION


def test_an_index_whose_build_broke_off_is_built_again(at_0012: str) -> None:
    name = "stock_movement_newest_of_product"
    backends.run(at_0012, f"CREATE INDEX {name} ON stock_movement (product_id)")
    broken = f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass"
    backends.run(at_0012, broken)
    assert migrate() == SCHEMA_REVISION
    [[columns, is_valid]] = backends.run(
        at_0012, f"SELECT indnatts, indisvalid FROM pg_index WHERE indexrelid = '{name}'::regclass"
    )
    assert (columns, is_valid) == (2, True)
