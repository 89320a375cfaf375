"""Strangers learn of few accounts by asking for login ids and addresses, by text or by time.

Paths that take an e-mail address or a login id say nothing of whether it is an account's, or say it
to an address ten times in a row, and then once in 10 s.
"""

import secrets
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from commerce.shared import clock
from commerce.user import passwords
from commerce.user.throttle import ADDRESS_INTERVAL
from tests.support.lambda_calls import Answer, call
from tests.support.mails import request_reset
from tests.support.sessions import PASSWORD, PATIENCE_SECONDS, Account, an_account
from tests.support.shop import an_address, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("shop_environment", "cheap_hashes")

BLOCKED = (429, "TOO_MANY_ATTEMPTS")
PAIRS = 40


class StoppedClock:
    """A clock that moves when a test says so: however slow the machine is, the counts are exact."""

    def __init__(self) -> None:
        self.time = clock.now()

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> StoppedClock:
    found = StoppedClock()
    monkeypatch.setattr(clock, "now", found.now)
    return found


@pytest.fixture
def taken() -> Account:
    return an_account()


def outcome(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.json.get("code")


def sign_up(login_id: str, email: str, source_ip: str) -> Answer:
    body = {
        "login_id": login_id, "password": PASSWORD, "name": "Wile", "email": email,
        "birth_date": "1949-09-17", "gender": "OTHER",
    }  # fmt: skip
    return call(
        "user/sign_up", "POST", "/users", body=body, source_ip=source_ip,
        timeout_seconds=PATIENCE_SECONDS,
    )  # fmt: skip


def new_login() -> str:
    return "E" + secrets.token_hex(4)


def edit_email(token: str, email: str, source_ip: str) -> Answer:
    body = {"email": email, "password": PASSWORD}
    return call(
        "user/edit_me", "PATCH", "/users/me", token=token, body=body, source_ip=source_ip,
        timeout_seconds=PATIENCE_SECONDS,
    )  # fmt: skip


def test_of_many_at_once_ten_sign_ups_are_answered_that_a_login_id_is_taken(
    stopped: StoppedClock, taken: Account
) -> None:
    address = an_address()
    answers = run_concurrently(
        [partial(sign_up, taken.login_id, f"{new_login()}@example.com", address)] * 40
    )
    assert Counter(map(outcome, answers)) == {(409, "LOGIN_ID_TAKEN"): 10, BLOCKED: 30}
    free = new_login()
    blocked = sign_up(free, f"{free}@example.com", address)
    assert (outcome(blocked), blocked.headers["retry-after"]) == (BLOCKED, "10")
    assert rows("SELECT FROM user_account WHERE login_id = $1", free) == []
    stopped.time += ADDRESS_INTERVAL
    assert sign_up(free, f"{free}@example.com", address).status == 201


def test_of_many_at_once_ten_edits_and_sign_ups_are_answered_that_an_email_is_taken(
    stopped: StoppedClock, taken: Account
) -> None:
    address, email = an_address(), f"{taken.login_id}@example.com"
    token = str(an_account().tokens()["access_token"])
    acts = [partial(edit_email, token, email, address)] * 15
    acts += [partial(sign_up, new_login(), email, address) for _ in range(15)]
    answers = run_concurrently(acts)
    assert Counter(map(outcome, answers)) == {(409, "EMAIL_TAKEN"): 10, BLOCKED: 20}


def test_an_address_learns_of_8649_accounts_a_day_by_signing_up(
    stopped: StoppedClock, taken: Account
) -> None:
    """Ten at once and one each 10 s: counted over ten minutes, of which a day has 144."""
    address, email = an_address(), f"{taken.login_id}@example.com"
    end, answered = stopped.time + timedelta(minutes=10), 0
    while stopped.time <= end:
        answer = sign_up(new_login(), email, address)
        answered += answer.status == 409
        if answer.status == 429:
            stopped.time += timedelta(seconds=int(answer.headers["retry-after"]))
    assert answered == 10 + 60


def test_another_address_has_turns_of_its_own(stopped: StoppedClock, taken: Account) -> None:
    first, second = an_address(), an_address()
    email = f"{taken.login_id}@example.com"
    for _ in range(11):
        last = sign_up(new_login(), email, first)
    assert outcome(last) == BLOCKED
    assert outcome(sign_up(new_login(), email, second)) == (409, "EMAIL_TAKEN")


def _reset(email: str) -> tuple[int, Any]:
    answer = request_reset(email)
    return answer.status, answer.json


def _sign_in(login_id: str) -> tuple[int, Any]:
    body = {"login_id": login_id, "password": "a wrong guess"}
    answer = call("user/open_session", "POST", "/sessions", body=body, source_ip=an_address())
    return answer.status, {**answer.json, "request_id": ""}


@pytest.mark.parametrize("path", ["/password-resets", "/sessions"])
def test_a_known_and_an_unknown_one_are_answered_alike_by_text_and_time(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alternating, so that a busy machine slows both; hashing is even, and has its own test."""
    monkeypatch.setattr(passwords, "is_right", lambda *_: False)
    known, unknown = (
        [an_account().login_id for _ in range(PAIRS)],
        [new_login() for _ in range(PAIRS)],
    )
    act = _sign_in if path == "/sessions" else lambda login_id: _reset(f"{login_id}@example.com")
    times: dict[bool, list[float]] = {True: [], False: []}
    for pair in zip(known, unknown, strict=True):
        answers = []
        for is_known, login_id in zip((True, False), pair, strict=True):
            begun = perf_counter()
            answers.append(act(login_id))
            times[is_known].append(perf_counter() - begun)
        assert answers[0] == answers[1]
    ratio = median(times[True]) / median(times[False])
    assert 0.5 < ratio < 2, ratio


def test_a_token_of_no_account_is_refused_as_any_that_is_forged() -> None:
    for name, path, more in (
        ("user/confirm_email", "/email-verifications/confirmation", {}),
        ("user/reset_password", "/password-resets/confirmation", {"new_password": PASSWORD}),
    ):
        answer = call(name, "POST", path, body={"token": "a.b.c", **more})
        assert outcome(answer) == (410, "TOKEN_EXPIRED")
