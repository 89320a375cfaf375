"""`make ops ARGS="logs …"`: an operator finds what functions have said."""

import json
import secrets
import time
from typing import Any

import boto3
import pytest

from infra.ops.__main__ import main
from infra.ops.target import client

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def stack() -> str:
    """A stack whose functions have said five things, and the platform one."""
    name = f"stack{secrets.token_hex(4)}"
    group, stream = f"/lastunit/{name}", "a"
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    told = [
        json.dumps(line)
        for line in (
            {"level": "INFO", "function_name": "f", "message": "order e-1 began"},
            {"level": "ERROR", "function_name": "f", "message": "message failed",
             "event_id": "e-1", "exception": "Traceback …\nDeliverySystemFailed: HTTP 500"},
            {"level": "ERROR", "function_name": "f", "message": "message failed",
             "event_id": "e-2", "exception": "Traceback …\nDeliverySystemFailed: HTTP 501"},
            {"level": "WARNING", "function_name": "f", "message": "alert SHIPMENT_NOTICE_FAILED"},
        )
    ]  # fmt: skip
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": each} for each in [*told, "START RequestId: e-3"]]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return name


def found(stack: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["logs", *words, "--stack", stack, "--json"]) == 0
    return [each["message"] for each in json.loads(capsys.readouterr().out)["lines"]]


def test_lines_with_a_word_are_found(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(stack, capsys, "e-1") == ["order e-1 began", "message failed"]
    assert found(stack, capsys, "SHIPMENT_NOTICE_FAILED") == ["alert SHIPMENT_NOTICE_FAILED"]
    assert found(stack, capsys, "e-3") == ["START RequestId: e-3"]
    assert found(stack, capsys, "message failed", "--limit", "1") == ["message failed"]


def test_of_several_words_all_are_asked_for(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []  # moto knows patterns of one word only

    def nothing(**asking: Any) -> Any:
        asked.append(asking["filterPattern"])
        return {"events": []}

    monkeypatch.setattr(client("logs"), "filter_log_events", nothing)
    assert main(["logs", 'e"1', "message failed", "--stack", stack]) == 1
    assert asked == ['"e 1" "message failed"']


def test_people_see_what_it_failed_at(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "e-1", "--stack", stack]) == 0
    assert "DeliverySystemFailed: HTTP 500" in capsys.readouterr().out


def test_nothing_and_no_log_are_told_apart(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "nobody said this", "--stack", stack]) == 1
    assert "--since looks further back" in capsys.readouterr().out
    assert main(["logs", "x", "--stack", "no-such-stack"]) == 2
    assert "There is no log /lastunit/no-such-stack" in capsys.readouterr().err
