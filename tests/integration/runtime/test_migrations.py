"""The migrating function: what it answers a deploy and an operator, and two of them at once."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from commerce.runtime.health import SCHEMA_REVISION
from infra.local.ports import LOOPBACK, Ports
from infra.migrations.migrate import handler, migrate
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
