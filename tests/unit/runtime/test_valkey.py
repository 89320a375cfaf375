"""Valkey is used or skipped, and no caller sees an error."""

from typing import Any

import pytest
from redis import exceptions

from commerce.runtime.cache import valkey
from commerce.runtime.cache.valkey import Valkey


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(valkey, "time", clock)
    monkeypatch.setattr(valkey, "TIMEOUT_SECONDS", 0.1)
    return clock


@pytest.fixture
def server(clock: Clock) -> Valkey:
    return Valkey(lambda: "redis://127.0.0.1:1/0")


def fail(error: Exception) -> Any:
    def command(client: Any) -> None:
        raise error

    return command


def test_an_answer_of_valkey_is_returned(server: Valkey) -> None:
    assert server.run(lambda _: 7) == 7
    assert not server.is_skipped


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ConnectionError(),
        exceptions.TimeoutError(),
        OSError(),
        ValueError("rubbish"),
        RecursionError(),
    ],
)
def test_after_a_failure_valkey_is_skipped_for_a_while(
    server: Valkey, clock: Clock, error: Exception
) -> None:
    commands: list[int] = []
    assert server.run(fail(error)) is None
    assert server.is_skipped
    assert server.run(lambda _: commands.append(1)) is None
    clock.now += valkey.SKIP_SECONDS - 0.01
    assert server.run(lambda _: commands.append(1)) is None
    assert commands == []
    clock.now += valkey.SKIP_SECONDS
    assert server.run(lambda _: 7) == 7


def test_slow_answers_count_as_failures(server: Valkey, clock: Clock) -> None:
    def command(client: Any) -> int:
        clock.now += 0.11
        return 7

    assert server.run(command) == 7  # late, but there
    assert server.is_skipped


def test_a_refused_command_does_not_count_as_a_failure(server: Valkey) -> None:
    assert server.run(fail(exceptions.ResponseError("WRONGTYPE"))) is None
    assert not server.is_skipped


def test_without_an_address_valkey_is_skipped() -> None:
    def nowhere() -> str:
        raise LookupError

    assert Valkey(nowhere).run(lambda _: 7) is None


def test_a_valkey_command_is_tried_once_with_a_short_time_out() -> None:
    client = valkey.connect("redis://user:secret@127.0.0.1:1/3")
    options = client.connection_pool.connection_kwargs
    assert options["socket_timeout"] == options["socket_connect_timeout"] == valkey.TIMEOUT_SECONDS
    assert options["retry"]._retries == 0
    assert (options["db"], options["username"]) == (3, "user")
    client.close()
