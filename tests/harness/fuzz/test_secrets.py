"""Secrets of a request are in no log line, whatever its outcome."""

import io
import logging
import os
import random
import re
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.harness.fuzz.attacks import attack, changes, forged, send
from tests.harness.fuzz.conformance import AttackResult
from tests.harness.fuzz.valid_requests import Operation, Ready, operations
from tests.harness.fuzz.world import PASSWORD, World
from tests.support import lambda_calls
from tests.support.shop import rows

CARD_NO = "1111-2222-3333-4444"
SECRETIVE = {
    "POST /users",
    "POST /sessions",
    "PUT /users/me/password",
    "POST /payments",
    "POST /payments/callbacks",
}
CHANGES = 25

pytestmark = pytest.mark.filterwarnings("ignore:POWERTOOLS_DEV")

Written = Callable[[], str]


class _Everything(logging.Formatter):
    """A record with all that it carries."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{super().format(record)} {record.__dict__}"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, shop_environment: None) -> Iterator[Written]:
    """Everything that anybody logs at DEBUG, with each switch on that shows more than usual."""
    from commerce.entrypoints.telemetry import _domain, logger  # when the environment is set

    for name in ("POWERTOOLS_LOGGER_LOG_EVENT", "POWERTOOLS_DEV"):
        monkeypatch.setenv(name, "true")
    # The functions are loaded again, so that they read the switches.
    monkeypatch.setattr(lambda_calls, "_environment", threading.local())
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(_Everything())
    listening = [logging.getLogger(), _domain, logger._logger]
    levels = [each.level for each in listening]
    for each in listening:
        each.addHandler(handler)
        each.setLevel(logging.DEBUG)
    yield text.getvalue
    for each, level in zip(listening, levels, strict=True):
        each.removeHandler(handler)
        each.setLevel(level)


def assert_secret(world: World, written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    """Assert that something was logged, and no secret was logged or printed."""
    captured = capsys.readouterr()
    everything = written() + captured.out + captured.err
    assert "answered" in everything
    secrets = {
        "password": PASSWORD,
        "card number": CARD_NO,
        "card number, bare": CARD_NO.replace("-", ""),
        "caller's token": world.caller.token,
        "admin's token": world.admin.token,
        "gateway's secret": os.environ["GATEWAY_SECRET"],
        "delivery system's secret": os.environ["DELIVERY_SECRET"],
        "fingerprint key": os.environ["FINGERPRINT_KEY"],
        "device tokens' keys": os.environ["SIGN_IN_KEYS"],
    }
    shown = {
        name: everything[max(everything.find(secret) - 300, 0) :][:400]
        for name, secret in secrets.items()
        if secret in everything
    }
    assert not re.search("TK-[0-9a-f]{32}", everything), "the token of a card"
    assert shown == {}


def pay_by_number(world: World) -> set[int]:
    """Pay with a card's number, and return the status of the answer."""
    [operation] = [each for each in operations() if each.label == "POST /payments"]
    attempt = Ready(world, operation).attempt()
    card = {"card_type": "KB", "card_no": CARD_NO}
    body = {"order_id": attempt.request["body"]["order_id"], **card}
    return {send(attempt.with_(body=body), AttackResult("a number"))[0]}


def secretive() -> list[Operation]:
    return [each for each in operations() if each.label in SECRETIVE]


def test_no_secret_of_a_refused_request_is_logged(
    written: Written, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(1)  # noqa: S311
    for operation in secretive():
        tried = chance.sample(list(changes(operation)), CHANGES)
        result = attack(operation, tried, world)
        assert {"200", "201", "204"} & result.answers.keys()
        assert {"400", "422"} <= result.answers.keys()
    assert pay_by_number(world) == {201}
    assert_secret(world, written, capsys)


def test_no_token_is_logged(
    written: Written, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    result = AttackResult("tokens")
    for operation in operations():
        attempt = Ready(world, operation).attempt()
        send(attempt, result)
        send(attempt.with_(token=world.admin.token), result)
        send(
            attempt.with_(headers={"Authorization": f"Basic {world.caller.token}"}, token=None),
            result,
        )
    [order, *_] = [each for each in operations() if each.label == "POST /orders"]
    tokens = [token for _, token in forged(world.admin) if len(token) > 50]
    for token in tokens:
        send(Ready(world, order).attempt().with_(token=token), result)

    assert result.findings == []
    assert not [each for each in tokens if each in written()]
    assert_secret(world, written, capsys)


@pytest.mark.parametrize("table", ["user_account", "payment", "login_throttle"])
def test_no_secret_is_logged_when_a_function_fails(
    table: str, written: Written, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    wishes = [Ready(world, each).attempt() for each in secretive()]
    rows(f"DROP TABLE {table} CASCADE")
    result = AttackResult("faults")

    statuses = [send(each, result)[0] for each in wishes]

    assert 500 in statuses
    assert "failed" in written()
    assert_secret(world, written, capsys)
