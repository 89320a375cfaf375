"""Failed sign-ins are counted, by many at once too, and the log names accounts by id alone."""

import json
import logging
import secrets
from datetime import datetime, timedelta
from functools import partial
from io import StringIO
from threading import Barrier
from typing import Any

import pytest

from commerce.runtime.db import connection
from commerce.runtime.db.connection import Database
from commerce.runtime.db.current import database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from commerce.user import devices, passwords
from commerce.user.throttle import Kind, counter_of, counters_of
from tests.support.lambda_calls import Answer, call
from tests.support.sessions import PATIENCE_SECONDS
from tests.support.shop import an_address, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

PASSWORD = "roadrunner on the run"
WRONG = "a wrong guess"
BAD, BLOCKED = (401, "BAD_CREDENTIALS"), (429, "TOO_MANY_ATTEMPTS")


class StoppedClock:
    """Time that moves when it is told to, so that how slow the machine is does not matter."""

    def __init__(self) -> None:
        self.time = clock.now()

    def now(self) -> datetime:
        return self.time


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    found = StoppedClock()
    monkeypatch.setattr(clock, "now", found.now)
    return found


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 has its own tests; where nothing depends on it, it would only be slow."""
    monkeypatch.setattr(passwords, "is_right", lambda password, kept: password == PASSWORD and kept)


def a_user() -> str:
    """Sign a user up; return the login id."""
    login_id = "U" + secrets.token_hex(4)
    body = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": f"{login_id}@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    answer = call("user/sign_up", "POST", "/users", body=body, timeout_seconds=PATIENCE_SECONDS)
    assert answer.status == 201
    return login_id


def log_in(
    login_id: str,
    password: str = PASSWORD,
    *,
    source_ip: str,
    device_token: str | None = None,
    **request: Any,
) -> Answer:
    body = {"login_id": login_id, "password": password}
    if device_token is not None:
        body["device_token"] = device_token
    return call(
        "user/open_session",
        "POST",
        "/sessions",
        body=body,
        source_ip=source_ip,
        timeout_seconds=PATIENCE_SECONDS,
        **request,
    )


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


def failures_of(login_id: str, source_ip: str) -> dict[Kind, int]:
    counters = {each.key: each.kind for each in counters_of(login_id.lower(), source_ip)}
    found = rows(
        "SELECT key, failures FROM login_throttle WHERE key = ANY($1::text[])", list(counters)
    )
    return {counters[row.key]: row.failures for row in found}


def outcomes(answers: list[Answer]) -> list[tuple[int, str]]:
    return sorted(refused(answer) for answer in answers)


def test_a_session_names_its_device_and_keeps_it() -> None:
    login_id, home = a_user(), an_address()
    first = log_in(login_id, source_ip=home).json["device_token"]
    second = log_in(login_id, source_ip=home).json["device_token"]
    again = log_in(login_id, source_ip=home, device_token=first).json["device_token"]
    known = [devices.read(each) for each in (first, second, again)]
    assert None not in known
    assert known[0] == known[2] != known[1]


@pytest.mark.parametrize("exists", [True, False])
def test_of_many_simultaneous_guesses_five_are_answered(*, exists: bool) -> None:
    login_id = a_user() if exists else "U" + secrets.token_hex(4)
    home = an_address()
    guesses = [partial(log_in, login_id, f"{WRONG} {n}", source_ip=home) for n in range(16)]
    assert outcomes(run_concurrently(guesses)) == [BAD] * 5 + [BLOCKED] * 11
    assert failures_of(login_id, home) == {Kind.NETWORK: 5, Kind.ADDRESS: 5}


def test_many_login_ids_from_one_address_share_ten_guesses() -> None:
    """Half of the login ids exist; all are tried with one password, at the same time."""
    home = an_address()
    login_ids = [a_user() if n % 8 == 0 else "U" + secrets.token_hex(4) for n in range(16)]
    guesses = [partial(log_in, each, WRONG, source_ip=home) for each in login_ids]
    answers = run_concurrently(guesses)
    assert outcomes(answers) == [BAD] * 10 + [BLOCKED] * 6
    assert {a.headers["retry-after"] for a in answers if a.status == 429} == {"10"}
    assert failures_of("anybody", home) == {Kind.ADDRESS: 10}


@pytest.mark.usefixtures("cheap_passwords")
def test_one_login_id_from_a_whole_network_shares_five_guesses() -> None:
    login_id, third = a_user(), secrets.randbelow(256)
    homes = [f"198.18.{third}.{number}" for number in range(16)]
    guesses = [partial(log_in, login_id, WRONG, source_ip=each) for each in homes]
    assert outcomes(run_concurrently(guesses)) == [BAD] * 5 + [BLOCKED] * 11


@pytest.fixture
def unlimited_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that share two processors may wait for a row longer than a request does."""
    for name in ("lock_timeout", "statement_timeout"):
        monkeypatch.setitem(connection.SESSION, name, 0)


@pytest.mark.usefixtures("cheap_passwords", "unlimited_waits")
def test_guesses_over_crossing_login_ids_and_addresses_do_not_deadlock() -> None:
    """Each attempt locks two counters that others lock, too; all 64 failures are counted."""
    login_ids = ["U" + secrets.token_hex(4) for _ in range(4)]
    network = f"198.19.{secrets.randbelow(256)}"
    homes = [f"{network}.{number}" for number in range(4)]
    guesses = [
        partial(log_in, login_id, WRONG, source_ip=home) for login_id in login_ids for home in homes
    ]
    answers = run_concurrently(guesses)
    assert outcomes(answers) == [BAD] * 16
    for each in login_ids:
        assert failures_of(each, homes[0]) == {Kind.NETWORK: 4, Kind.ADDRESS: 4}


@pytest.mark.usefixtures("cheap_passwords")
def test_an_owner_signs_in_on_their_device_while_strangers_guess() -> None:
    login_id, home = a_user(), an_address()
    known = log_in(login_id, source_ip=home).json["device_token"]
    guesses = [partial(log_in, login_id, f"{WRONG} {n}", source_ip=home) for n in range(12)]
    owners = [partial(log_in, login_id, source_ip=home, device_token=known)] * 6
    answers = run_concurrently([*guesses, *owners])
    assert outcomes(answers[:12]) == [BAD] * 5 + [BLOCKED] * 7
    assert [answer.status for answer in answers[12:]] == [201] * 6
    assert refused(log_in(login_id, source_ip=home)) == BLOCKED


@pytest.mark.usefixtures("cheap_passwords")
def test_many_guesses_on_a_known_device_are_counted_together() -> None:
    login_id, home = a_user(), an_address()
    known = log_in(login_id, source_ip=home).json["device_token"]
    guess = partial(log_in, login_id, WRONG, source_ip=home, device_token=known)
    assert outcomes(run_concurrently([guess] * 16)) == [BAD] * 5 + [BLOCKED] * 11
    device = devices.read(known)
    assert device is not None
    [row] = rows("SELECT failures FROM login_throttle WHERE key = $1", counter_of(device).key)
    assert row.failures == 5
    assert failures_of(login_id, home) == {Kind.NETWORK: 0, Kind.ADDRESS: 0}


def test_simultaneous_failures_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    login_id, home = a_user(), an_address()
    assert refused(log_in(login_id, WRONG, source_ip=home)) == BAD
    all_are_hashed = Barrier(12)

    def wrong_at_last(password: str, kept: str | None) -> bool:
        all_are_hashed.wait(30)
        return False

    monkeypatch.setattr(passwords, "is_right", wrong_at_last)
    answers = run_concurrently([partial(log_in, login_id, source_ip=home)] * 12)
    assert outcomes(answers) == [BAD] * 4 + [BLOCKED] * 8
    assert failures_of(login_id, home) == {Kind.NETWORK: 5, Kind.ADDRESS: 5}


def test_the_right_password_waits_too_and_then_clears_the_count(stopped: StoppedClock) -> None:
    login_id, home = a_user(), an_address()
    for _ in range(5):
        assert refused(log_in(login_id, WRONG, source_ip=home)) == BAD
    early = log_in(login_id.upper(), source_ip=home)
    assert refused(early) == BLOCKED
    assert early.headers["retry-after"] == "1"
    assert failures_of(login_id, home)[Kind.NETWORK] == 5
    stopped.time += timedelta(seconds=1)
    assert log_in(login_id, source_ip=home).status == 201
    assert failures_of(login_id, home) == {Kind.NETWORK: 0, Kind.ADDRESS: 5}


def test_simultaneous_right_passwords_all_sign_in() -> None:
    login_id, home = a_user(), an_address()
    answers = run_concurrently([partial(log_in, login_id, source_ip=home)] * 8)
    assert [answer.status for answer in answers] == [201] * 8
    assert failures_of(login_id, home) == {Kind.NETWORK: 0, Kind.ADDRESS: 0}


@pytest.mark.usefixtures("cheap_passwords")
def test_an_address_is_never_taken_from_a_header() -> None:
    home = an_address()
    for number in range(10):
        sent = {"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"}
        answer = log_in(f"nobody{number}", WRONG, source_ip=home, headers=sent)
        assert refused(answer) == BAD
    forged = {"X-Forwarded-For": "192.0.2.99"}
    assert refused(log_in("nobody99", WRONG, source_ip=home, headers=forged)) == BLOCKED


@pytest.mark.usefixtures("cheap_passwords")
def test_a_blocked_attempt_leaves_no_row() -> None:
    home = an_address()
    for number in range(10):
        log_in(f"nobody{number}", WRONG, source_ip=home)
    assert refused(log_in("nobody10", WRONG, source_ip=home)) == BLOCKED
    assert failures_of("nobody10", home) == {Kind.ADDRESS: 10}


@pytest.mark.parametrize("login_id", ["no such id", "누구", "x" * 100, "\u0130"])
def test_an_impossible_login_id_is_answered_as_wrong(login_id: str) -> None:
    unique, home = (secrets.token_hex(8) + login_id)[:100], an_address()
    assert refused(log_in(unique, source_ip=home)) == BAD
    assert failures_of(unique, home) == {Kind.NETWORK: 1, Kind.ADDRESS: 1}


@pytest.mark.usefixtures("cheap_passwords")
@pytest.mark.parametrize("token", ["", "a.b.c", "\u00e9.\u00e9.\u00e9", "x" * 1024])
def test_a_device_token_that_is_none_is_no_mistake(token: str) -> None:
    login_id, home = a_user(), an_address()
    assert log_in(login_id, source_ip=home, device_token=token).status == 201


def test_a_device_token_of_any_length_is_not_read() -> None:
    answer = log_in("nobody", WRONG, source_ip=an_address(), device_token="x" * 1025)
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert "xxx" not in str(answer.json)


def test_no_row_is_locked_while_a_password_is_hashed(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    login_id, home = a_user(), an_address()
    log_in(login_id, WRONG, source_ip=home)
    other = Database(lambda: database_url)
    locked: list[int] = []
    keys = [each.key for each in counters_of(login_id.lower(), home)]

    def find_locks(password: str, kept: str | None) -> bool:
        sql = "SELECT failures FROM login_throttle WHERE key = ANY($1::text[]) FOR UPDATE NOWAIT"
        locked.extend(row.failures for row in other.run([Query(sql, [keys])])[0])
        return False

    monkeypatch.setattr(passwords, "is_right", find_locks)
    assert refused(log_in(login_id, source_ip=home)) == BAD
    other.close()
    assert locked == [1, 1]
    assert failures_of(login_id, home) == {Kind.NETWORK: 2, Kind.ADDRESS: 2}


NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:9/nothing"


def test_no_sign_in_is_answered_while_counts_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login_id, home = a_user(), an_address()
    database().close()
    with monkeypatch.context() as down:
        down.setenv("DATABASE_URL", NOBODY_LISTENS)
        answers = [log_in(login_id, each, source_ip=home) for each in (PASSWORD, WRONG)]
    assert [answer.status for answer in answers] == [503, 503]
    assert all("retry-after" in answer.headers for answer in answers)
    assert log_in(login_id, source_ip=home).status == 201


@pytest.mark.parametrize("password", [PASSWORD, WRONG])
def test_a_guess_that_could_not_be_counted_is_not_answered(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes down once the password is verified, right or wrong."""
    login_id, home, verify = a_user(), an_address(), passwords.is_right
    with monkeypatch.context() as down:

        def verify_then_lose_the_store(given: str, kept: str | None) -> bool:
            found = verify(given, kept)
            down.setenv("DATABASE_URL", NOBODY_LISTENS)
            database().close()
            return found

        down.setattr(passwords, "is_right", verify_then_lose_the_store)
        answer = log_in(login_id, password, source_ip=home)
    assert answer.status == 503
    assert failures_of(login_id, home) == {}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    from commerce.entrypoints.telemetry import logger  # when the environment is set

    written = StringIO()
    [handler] = logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    monkeypatch.setattr(handler, "stream", written)
    return written


def lines_of(log: StringIO, login_id: str, password: str, source_ip: str) -> Any:
    log.seek(0)
    log.truncate()
    log_in(login_id, password, source_ip=source_ip)
    text = log.getvalue()
    assert password not in text
    assert login_id.lower() not in text.lower()
    return [line for line in map(json.loads, text.splitlines()) if "route" in line]


def test_log_lines_name_the_account_and_no_login_id(log: StringIO) -> None:
    login_id, home = a_user(), an_address()
    sql = "SELECT id FROM user_account WHERE login_id = $1"
    user_id = str(rows(sql, login_id)[0].id)
    [answered] = lines_of(log, login_id, PASSWORD, home)
    assert (answered["status"], answered["user_id"]) == (201, user_id)
    for _ in range(5):
        told = lines_of(log, login_id, WRONG, home)
        assert [each["user_id"] for each in told] == [user_id] * 2
        assert told[0]["code"] == "BAD_CREDENTIALS"
        assert "login_digest" not in told[1]
    blocked = lines_of(log, login_id, WRONG, home)
    assert [(each["user_id"], each["blocked"]) for each in blocked] == [(user_id, "network")] * 2


def test_log_lines_name_an_unknown_login_id_by_a_digest(
    log: StringIO,
) -> None:
    login_id, other, home = secrets.token_hex(5), secrets.token_hex(5), an_address()
    first = lines_of(log, login_id, WRONG, home)
    again = lines_of(log, login_id.upper(), WRONG, home)
    another = lines_of(log, other, WRONG, home)
    assert len({each["login_digest"] for each in first + again}) == 1
    assert first[0]["login_digest"] != another[0]["login_digest"]
    assert all("user_id" not in each for each in first + again + another)
