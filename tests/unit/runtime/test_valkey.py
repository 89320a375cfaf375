"""Valkey is used or skipped, and no caller sees an error."""

from typing import Any

import pytest
from redis import exceptions

from commerce.runtime.cache import valkey
from commerce.runtime.cache.valkey import StrictValkey, Valkey
from commerce.shared.errors import Unavailable


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


READ_ONLY = "You can't write against a read only replica."
SERVES_NOTHING = [
    exceptions.ReadOnlyError(READ_ONLY, status_code="READONLY"),
    exceptions.BusyLoadingError("Redis is loading the dataset", status_code="LOADING"),
    exceptions.MasterDownError("Link with MASTER is down", status_code="MASTERDOWN"),
    exceptions.ClusterDownError("The cluster is down", status_code="CLUSTERDOWN"),
    exceptions.MovedError("3999 127.0.0.1:6381", status_code="MOVED"),
    exceptions.AskError("3999 127.0.0.1:6381", status_code="ASK"),
    exceptions.TryAgainError("Multiple keys", status_code="TRYAGAIN"),
    exceptions.AuthenticationError("Authentication required.", status_code="NOAUTH"),
    exceptions.AuthenticationError("invalid username-password", status_code="WRONGPASS"),
    exceptions.ResponseError("MISCONF Errors writing to the AOF file"),
    exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."),
    exceptions.ResponseError("BUSY Redis is busy running a script."),
    exceptions.ResponseError("UNBLOCKED force unblock from blocking operation"),
    exceptions.ResponseError(
        f"Error running script (call to f_1): @user_script:1: -READONLY {READ_ONLY}"
    ),
    exceptions.ResponseError("Command # 1 (SET a 1) of pipeline caused error: MISCONF Errors"),
]
REFUSALS = [
    exceptions.ResponseError("WRONGTYPE Operation against a key"),
    exceptions.OutOfMemoryError("command not allowed", status_code="OOM"),
    exceptions.NoScriptError("No matching script.", status_code="NOSCRIPT"),
    exceptions.NoPermissionError("this user has no permissions", status_code="NOPERM"),
    exceptions.ResponseError("ERR unknown command 'LOADING'"),
]


class Client:
    """A client whose commands give one result, or raise one error."""

    def __init__(self) -> None:
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    """The clients that were made, in order."""
    made: list[Client] = []

    def connect(*_: object) -> Client:
        made.append(Client())
        return made[-1]

    monkeypatch.setattr(valkey, "connect", connect)
    return made


def in_a_pipeline(error: Exception) -> Any:
    return lambda _: [b"OK", error]


@pytest.mark.parametrize("answering", [fail, in_a_pipeline])
@pytest.mark.parametrize("error", SERVES_NOTHING, ids=str)
def test_an_answer_that_condemns_the_connection_closes_it(
    server: Valkey, clients: list[Client], answering: Any, error: Exception
) -> None:
    assert server.run(answering(error)) is None
    assert server.is_skipped
    strict = StrictValkey(lambda: "redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        strict.run(answering(error))
    assert [each.is_closed for each in clients] == [True, True]
    assert strict.run(lambda _: 7) == 7
    assert [each.is_closed for each in clients] == [True, True, False]


@pytest.mark.parametrize("error", REFUSALS, ids=str)
def test_a_refusal_of_one_command_keeps_the_connection(
    server: Valkey, clients: list[Client], error: Exception
) -> None:
    assert server.run(fail(error)) is None
    assert server.run(in_a_pipeline(error)) == [b"OK", error]
    strict = StrictValkey(lambda: "redis://127.0.0.1:1/0")
    with pytest.raises(type(error)):
        strict.run(fail(error))
    assert strict.run(in_a_pipeline(error)) == [b"OK", error]
    assert not server.is_skipped
    assert [each.is_closed for each in clients] == [False, False]


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
