"""`make ops ARGS="outbox"` and `"reconcile"` show what the rows have."""

import json
import os
from typing import Any

import pytest

from commerce.app.messaging import relay
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.runtime.messaging.bus import MAX_BYTES
from commerce.shared import clock
from infra.ops.__main__ import main
from infra.ops.target import OpsError, Target, enter
from tests.support.shop import a_product

pytestmark = pytest.mark.usefixtures("own_shop")


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def an_event(size: int = 0) -> str:
    id_ = clock.new_id()
    database().run(
        [
            Query(
                "INSERT INTO outbox (id, source, type, occurred_at, aggregate_id,"
                " aggregate_version, trace_id, data) VALUES ($1, 'commerce.test', 'Big', $2, $3,"
                " 1, '', $4)",
                [id_, clock.now(), clock.new_id(), json.dumps({"text": "x" * size})],
            )
        ]
    )
    return str(id_)


def test_the_outbox_counts_waiting_and_quarantined_events(
    capsys: pytest.CaptureFixture[str],
) -> None:
    an_event(MAX_BYTES)
    relay().run()
    an_event()
    code, answer = ops(capsys, "outbox")
    assert (code, answer["waiting"], answer["set_aside_count"]) == (0, 1, 1)
    main(["outbox"])
    assert "1 events wait" in capsys.readouterr().out


def test_the_waiting_events_are_listed_oldest_first(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = an_event(), an_event(), an_event()
    code, answer = ops(capsys, "outbox", "list", "--limit", "2")
    assert (code, answer["waiting"]) == (0, 3)
    assert [each["id"] for each in answer["events"]] == [first, second]
    assert answer["events"][0] | {"age_seconds": 0, "aggregate_id": ""} == {
        "id": first, "type": "Big", "aggregate_id": "", "age_seconds": 0, "refusals": 0,
        "trace_id": "", "data": {"text": ""},
    }  # fmt: skip
    main(["outbox", "list"])
    table = capsys.readouterr().out
    assert third in table
    assert "3 of 3 waiting events" in table


def test_a_published_event_waits_no_longer(capsys: pytest.CaptureFixture[str]) -> None:
    an_event()
    relay().run()
    assert ops(capsys, "outbox", "list") == (0, {"waiting": 0, "events": []})


def test_reconcile_exits_with_1_if_the_books_do_not_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    product = a_product(stock=3)
    code, answer = ops(capsys, "reconcile")
    assert (code, answer["holds"], answer["findings"]) == (0, True, [])
    database().run([Query("UPDATE stock SET quantity = 2 WHERE product_id = $1", [product])])
    code, answer = ops(capsys, "reconcile")
    assert (code, answer["holds"]) == (1, False)
    assert {each["facts"]["product_id"] for each in answer["findings"]} == {product}
    assert main(["reconcile"]) == 1
    assert "The books do not hold" in capsys.readouterr().out


def test_the_local_system_is_the_default_target(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / "env"
    env.write_text("AWS_ENDPOINT_URL=http://127.0.0.1:1\nDATABASE_URL=postgresql://local\n")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setenv("DATABASE_URL", "postgresql://before")
    assert enter({"AWS_PROFILE": "prod"}, env) == "before"
    assert enter({}, env) == "http://127.0.0.1:1"


def test_an_emulator_needs_no_credentials(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "")
    for endpoint, key in (("https://elsewhere.example", ""), ("http://127.0.0.1:1", "local")):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        assert enter({"AWS_ENDPOINT_URL": endpoint}, tmp_path / "env") == endpoint
        assert os.environ["AWS_ACCESS_KEY_ID"] == key


def test_a_missing_database_is_reported_with_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(OpsError, match="set DATABASE_URL"):
        Target("no-such-stack").use_database()


def test_on_aws_the_proxy_and_the_secrets_of_the_stack_are_used() -> None:
    outputs = {
        "DatabaseSecretArn": "arn:database", "DatabaseProxyHost": "proxy.example",
        "ValkeyUrl": "rediss://cache.example:6379/0", "ValkeySecretArn": "arn:valkey",
        "BusinessTimeZone": "Asia/Seoul",
    }  # fmt: skip
    target = Target("lastunit")
    target.__dict__["outputs"] = outputs
    variables = ("DATABASE_SECRET_ARN", "DATABASE_PROXY_HOST", "VALKEY_URL", "VALKEY_SECRET_ARN")
    with pytest.MonkeyPatch.context() as environment:
        for name in (*variables, "DATABASE_URL", "BUSINESS_TIME_ZONE"):
            environment.setenv(name, "")
        target.use_database()
        target.use_valkey()
        assert [os.environ[name] for name in variables] == list(outputs.values())[:4]
