"""`make ops ARGS="queues …"`: operators see what waits in a queue, and take nothing out of it."""

import json
import secrets
from typing import Any

import boto3
import pytest

from infra.ops.__main__ import main

pytestmark = pytest.mark.usefixtures("shop_environment")


@pytest.fixture
def stack() -> str:
    """A stack with two queues, one of them empty."""
    name = f"stack{secrets.token_hex(4)}"
    sqs = boto3.client("sqs")
    for queue in ("shipping", "likes"):
        for suffix in ("", "-dead-letters"):
            sqs.create_queue(QueueName=f"{name}-{queue}{suffix}")
    return name


def send(stack: str, body: str) -> str:
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=f"{stack}-shipping")["QueueUrl"]
    return str(sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])


def ops(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = main([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_every_queue_is_listed_with_its_numbers(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    send(stack, "{}")
    code, answer = ops(capsys, "queues", "list", "--stack", stack)
    assert code == 0
    assert answer["queues"] == [
        {"queue": "likes", "waiting": 0, "in_flight": 0, "delayed": 0},
        {"queue": "shipping", "waiting": 1, "in_flight": 0, "delayed": 0},
    ]
    main(["queues", "list", "--stack", stack])
    assert "shipping" in capsys.readouterr().out


def test_a_look_shows_the_events_and_leaves_them_in_the_queue(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    event = {"id": "e-1", "type": "OrderConfirmed", "aggregate_id": "o-1"}
    ids = {send(stack, json.dumps({"detail": event})), send(stack, "no JSON")}
    for look in (1, 2):
        code, answer = ops(capsys, "queues", "peek", "shipping", "--stack", stack)
        assert (code, answer["waiting"]) == (0, 2)
        assert {each["message_id"] for each in answer["messages"]} == ids
        assert {each["receives"] for each in answer["messages"]} == {look}
    [shown] = [each for each in answer["messages"] if each["type"]]
    assert (shown["type"], shown["event_id"], shown["aggregate_id"]) == (
        "OrderConfirmed",
        "e-1",
        "o-1",
    )
    assert "no JSON" in [each["body"] for each in answer["messages"]]
    main(["queues", "peek", f"{stack}-shipping", "--stack", stack])
    table = capsys.readouterr().out
    assert "OrderConfirmed" in table
    assert "2 wait, 0 are being handled" in table


def test_a_look_takes_no_more_than_its_limit(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        send(stack, "{}")
    code, answer = ops(capsys, "queues", "peek", "shipping", "--limit", "2", "--stack", stack)
    assert (code, len(answer["messages"]), answer["waiting"]) == (0, 2, 3)


def test_an_empty_queue_and_an_unknown_one_differ(
    stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops(capsys, "queues", "peek", "likes", "--stack", stack)[0] == 1
    code, answer = ops(capsys, "queues", "peek", "lost", "--stack", stack)
    assert code == 2
    assert "There are: likes, shipping" in answer["error"]
