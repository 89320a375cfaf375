"""`make ops ARGS="logs …"`: operators find lines of the functions' log."""

import json
import secrets
import threading
import time
from itertools import islice
from typing import Any

import boto3
import pytest

from infra.ops.__main__ import main
from infra.ops.logs import follow, text_of
from infra.ops.target import Target, client

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def stack() -> str:
    """A stack with six lines in its functions' log, and one of Lambda's own."""
    name = f"stack{secrets.token_hex(4)}"
    group, stream = f"/lastunit/{name}", "a"
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    lines = [
        json.dumps(line)
        for line in (
            {"level": "INFO", "function_name": "f", "message": "order e-1 began"},
            {"level": "ERROR", "function_name": "f", "message": "message failed",
             "event_id": "e-1", "exception": "Traceback …\nDeliverySystemFailed: HTTP 500"},
            {"level": "ERROR", "function_name": "f", "message": "message failed",
             "event_id": "e-2", "exception": "Traceback …\nDeliverySystemFailed: HTTP 501"},
            {"level": "WARNING", "function_name": "f", "message": "alert SHIPMENT_NOTICE_FAILED"},
            {"level": "INFO", "function_name": "g", "message": "refused", "code": "OUT_OF_STOCK",
             "route": "POST /orders", "correlation_id": "r-1"},
            {"level": "INFO", "function_name": "g", "message": "answered", "status": 409,
             "route": "POST /orders", "correlation_id": "r-1"},
        )
    ]  # fmt: skip
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": each} for each in [*lines, "START RequestId: e-3"]]
    logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return name


def write(stack: str, *lines: dict[str, Any]) -> None:
    now = int(time.time() * 1000)
    boto3.client("logs").put_log_events(
        logGroupName=f"/lastunit/{stack}",
        logStreamName="a",
        logEvents=[{"timestamp": now, "message": json.dumps(line)} for line in lines],
    )


def found(stack: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["logs", *words, "--stack", stack, "--json"]) == 0
    return [each["message"] for each in json.loads(capsys.readouterr().out)["lines"]]


def test_log_lines_with_a_word_are_found(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert found(stack, capsys, "e-1") == ["order e-1 began", "message failed"]
    assert found(stack, capsys, "SHIPMENT_NOTICE_FAILED") == ["alert SHIPMENT_NOTICE_FAILED"]
    assert found(stack, capsys, "e-3") == ["START RequestId: e-3"]
    assert found(stack, capsys, "message failed", "--limit", "1") == ["message failed"]


def test_a_line_must_contain_every_word(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: list[str] = []  # moto knows patterns of one word only

    def find_nothing(**parameters: Any) -> Any:
        patterns.append(parameters["filterPattern"])
        return {"events": []}

    monkeypatch.setattr(client("logs"), "filter_log_events", find_nothing)
    assert main(["logs", 'e"1', "message failed", "--stack", stack]) == 1
    assert patterns == ['"e 1" "message failed"']


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")]


def test_the_table_shows_the_error_of_a_failed_message(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "e-1", "--stack", stack]) == 0
    assert "DeliverySystemFailed: HTTP 500" in capsys.readouterr().out


def test_the_table_shows_route_and_status_of_a_request(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "r-1", "--stack", stack]) == 0
    table = [cells(line) for line in capsys.readouterr().out.splitlines() if line[:1] in "┃│"]
    assert table[0] == ["at", "level", "function", "route", "status", "line"]
    assert [row[1:] for row in table[1:]] == [
        ["INFO", "g", "POST /orders", "", "refused OUT_OF_STOCK"],
        ["INFO", "g", "POST /orders", "409", "answered"],
    ]


def test_no_matching_line_and_no_log_differ(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "nobody said this", "--stack", stack]) == 1
    assert "--since looks further back" in capsys.readouterr().out
    assert main(["logs", "x", "--stack", "no-such-stack"]) == 2
    assert "There is no log /lastunit/no-such-stack" in capsys.readouterr().err


def test_followed_lines_are_those_to_come_each_once(
    stack: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.ops.logs.POLL_SECONDS", 0.05)
    boto3.client("logs").delete_log_stream(logGroupName=f"/lastunit/{stack}", logStreamName="a")
    boto3.client("logs").create_log_stream(logGroupName=f"/lastunit/{stack}", logStreamName="a")
    lines = follow(Target(stack), ["later"])
    watching = threading.Timer(
        0.3, write, [stack, {"message": "later 1"}, {"message": "other"}, {"message": "later 2"}]
    )
    watching.start()
    first = [each["message"] for each in islice(lines, 2)]
    write(stack, {"message": "later 3"})
    assert [*first, *(each["message"] for each in islice(lines, 1))] == [
        "later 1",
        "later 2",
        "later 3",
    ]


def test_a_followed_line_says_function_route_status_and_error() -> None:
    line = {
        "at": "2026-06-01T00:00:00.000+00:00", "level": "ERROR", "function_name": "f",
        "route": "POST /orders", "status": 500, "message": "failed", "code": "X",
        "exception": "Traceback …\nKeyError: 1",
    }  # fmt: skip
    assert text_of(line) == (
        "2026-06-01T00:00:00.000+00:00 ERROR f POST /orders 500 failed X\nKeyError: 1"
    )
