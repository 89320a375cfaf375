"""Users from the handlers to PostgreSQL and back."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from commerce.runtime import tokens
from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock
from commerce.user import passwords
from tests.support.lambda_calls import Answer, call
from tests.support.shop import a_buyer, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment")

PASSWORD = "roadrunner!"


def a_login_id() -> str:
    return "U" + secrets.token_hex(4)


def sign_up(login_id: str, **changes: Any) -> Answer:
    body = {
        "login_id": login_id,
        "password": PASSWORD,
        "name": "Wile E. Coyote",
        "email": "wile@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    return call("user/sign_up", "POST", "/users", body=body | changes)


def log_in(login_id: str, password: str = PASSWORD) -> Answer:
    body = {"login_id": login_id, "password": password}
    return call("user/open_session", "POST", "/sessions", body=body)


def me(token: str) -> Answer:
    return call("user/get_me", "GET", "/users/me", token=token)


def failures_of(login_id: str) -> int:
    found = rows("SELECT failures FROM login_attempt WHERE login_id = $1", login_id.lower())
    return int(found[0].failures) if found else 0


def refused(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["code"]


class StoppedClock:
    """Time that moves when it is told to, so that how slow the machine is does not matter."""

    def __init__(self) -> None:
        self.time = clock.now()

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    found = StoppedClock()
    monkeypatch.setattr(clock, "now", found.now)
    return found


def test_a_signed_up_user_can_sign_in_and_read_their_profile() -> None:
    login_id = a_login_id()
    user = sign_up(login_id)
    assert user.status == 201
    assert user.json == {
        "user_id": user.json["user_id"],
        "login_id": login_id,
        "name": "Wile E. Coyote",
        "email": "wile@example.com",
        "birth_date": "1949-09-17",
        "gender": "OTHER",
    }
    session = log_in(login_id.lower())
    assert session.status == 201
    assert (session.json["token_type"], session.json["expires_in"]) == ("Bearer", 900)
    found = me(session.json["access_token"])
    assert (found.status, found.json) == (200, user.json)


def test_a_sign_up_records_an_event_and_stores_no_password() -> None:
    user_id = sign_up(a_login_id()).json["user_id"]
    kept = rows("SELECT password_hash, scopes, version FROM user_account WHERE id = $1", user_id)[0]
    assert passwords.is_right(PASSWORD, kept.password_hash)
    assert (list(kept.scopes), kept.version) == ([], 1)
    events = rows(
        "SELECT type, aggregate_version, data FROM outbox WHERE aggregate_id = $1", user_id
    )
    assert [tuple(event) for event in events] == [("UserSignedUp", 1, {"user_id": user_id})]


def test_an_admin_is_a_user_with_that_scope() -> None:
    login_id = a_login_id()
    user_id = sign_up(login_id).json["user_id"]
    rows("UPDATE user_account SET scopes = '{admin}' WHERE id = $1 RETURNING id", user_id)
    identity = tokens.verify(log_in(login_id).json["access_token"])
    assert identity.by == f"admin:{user_id}"


def test_a_login_id_is_unique_in_any_case() -> None:
    login_id = a_login_id()
    assert sign_up(login_id).status == 201
    assert refused(sign_up(login_id.upper())) == (409, "LOGIN_ID_TAKEN")
    assert refused(sign_up(login_id)) == (409, "LOGIN_ID_TAKEN")


def test_one_of_many_sign_ups_gets_the_login_id() -> None:
    login_id = a_login_id()
    wanted = [login_id.upper() if number % 2 else login_id.lower() for number in range(8)]
    answers = run_concurrently([partial(sign_up, each) for each in wanted])
    assert sorted(answer.status for answer in answers) == [201] + [409] * 7
    kept = rows("SELECT id FROM user_account WHERE lower(login_id) = $1", login_id.lower())
    [winner] = [answer.json["user_id"] for answer in answers if answer.status == 201]
    assert [str(row.id) for row in kept] == [winner]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "nul\x00"),
        ("name", "\ud800"),
        ("email", "a\x00@b.co"),
        ("birth_date", "1949-02-30"),
    ],
)
def test_a_value_that_the_database_cannot_store_is_an_invalid_field(field: str, value: str) -> None:
    answer = sign_up(a_login_id(), **{field: value})
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert [error["field"] for error in answer.json["errors"]] == [field]


def test_a_refused_password_is_not_shown() -> None:
    answer = sign_up(a_login_id(), password="tooshort!")
    assert refused(answer) == (422, "VALIDATION_FAILED")
    assert "tooshort!" not in str(answer.json)


def test_a_token_of_an_unknown_user_is_not_found() -> None:
    assert refused(me(a_buyer().token)) == (404, "USER_NOT_FOUND")


def test_reading_a_profile_needs_a_token() -> None:
    answer = call("user/get_me", "GET", "/users/me")
    assert refused(answer) == (401, "NOT_SIGNED_IN")


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("exists", [True, False])
def test_of_many_simultaneous_guesses_five_are_answered(*, exists: bool) -> None:
    login_id = a_login_id()
    if exists:
        sign_up(login_id)
    guesses = [partial(log_in, login_id, f"a wrong guess {number}") for number in range(16)]
    answers = run_concurrently(guesses)
    codes = sorted(refused(answer) for answer in answers)
    assert codes == [(401, "BAD_CREDENTIALS")] * 5 + [(429, "TOO_MANY_ATTEMPTS")] * 11
    assert failures_of(login_id) == 5


@pytest.mark.usefixtures("stopped")
def test_simultaneous_failures_are_all_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    login_id = a_login_id()
    assert refused(log_in(login_id, "a wrong guess")) == (401, "BAD_CREDENTIALS")
    all_are_hashed = Barrier(12)

    def wrong_at_last(password: str, kept: str | None) -> bool:
        all_are_hashed.wait(30)
        return False

    monkeypatch.setattr(passwords, "is_right", wrong_at_last)
    answers = run_concurrently([partial(log_in, login_id)] * 12)
    codes = sorted(refused(answer) for answer in answers)
    assert codes == [(401, "BAD_CREDENTIALS")] * 4 + [(429, "TOO_MANY_ATTEMPTS")] * 8
    assert failures_of(login_id) == 5


def test_the_right_password_waits_too_and_then_clears_the_count(stopped: StoppedClock) -> None:
    login_id = a_login_id()
    sign_up(login_id)
    for _ in range(5):
        assert refused(log_in(login_id, "a wrong guess")) == (401, "BAD_CREDENTIALS")
    early = log_in(login_id.upper())
    assert refused(early) == (429, "TOO_MANY_ATTEMPTS")
    assert early.headers["retry-after"] == "1"
    assert failures_of(login_id) == 5
    stopped.time += timedelta(seconds=1)
    assert log_in(login_id).status == 201
    assert failures_of(login_id) == 0


@pytest.mark.usefixtures("stopped")
def test_simultaneous_right_passwords_all_sign_in() -> None:
    login_id = a_login_id()
    sign_up(login_id)
    answers = run_concurrently([partial(log_in, login_id)] * 8)
    assert [answer.status for answer in answers] == [201] * 8
    assert failures_of(login_id) == 0


@pytest.mark.parametrize("login_id", ["no such id", "누구", "x" * 100])
def test_an_impossible_login_id_is_answered_as_wrong(login_id: str) -> None:
    unique = (secrets.token_hex(8) + login_id)[:100]
    assert refused(log_in(unique)) == (401, "BAD_CREDENTIALS")
    assert failures_of(unique) == 1


def test_no_row_is_locked_while_a_password_is_hashed(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    login_id = a_login_id()
    sign_up(login_id)
    log_in(login_id, "a wrong guess")
    other = Database(lambda: database_url)
    locked: list[int] = []

    def find_locks(password: str, kept: str | None) -> bool:
        sql = "SELECT failures FROM login_attempt WHERE login_id = $1 FOR UPDATE NOWAIT"
        locked.extend(row.failures for row in other.run([Query(sql, [login_id.lower()])])[0])
        return False

    monkeypatch.setattr(passwords, "is_right", find_locks)
    assert refused(log_in(login_id)) == (401, "BAD_CREDENTIALS")
    other.close()
    assert locked == [1]
    assert failures_of(login_id) == 2
