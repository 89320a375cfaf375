"""Signing up, logging in, and how long a guesser is let guess."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.user import (
    LoginIdTaken,
    SignUp,
    UserFacade,
    UserNotFound,
    UserView,
    devices,
    passwords,
)
from commerce.user.sessions import (
    BadCredentials,
    NewSessionView,
    OpenSession,
    SessionFacade,
    TooManyAttempts,
)
from commerce.user.throttle import counters_of
from tests.support.memory.session import MemorySessionRepository
from tests.support.memory.user import MemoryUserRepository

PASSWORD = "roadrunner on the run"
OWNERS_IP, STRANGERS_IP = "203.0.113.7", "198.51.100.9"

pytestmark = pytest.mark.usefixtures("cheap_hashes")


@dataclass(frozen=True, slots=True)
class Facades:
    """Both facades on the same repositories."""

    accounts: UserFacade
    sessions: SessionFacade


class Clock:
    """A clock that is set by the test."""

    def __init__(self) -> None:
        self.time = clock.now()

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped.now)
    return stopped


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN_KEYS", "SIGN_IN_KEYS"):
        monkeypatch.setenv(name, json.dumps({"current": "k", "k": "x" * 40}))
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "600")


@pytest.fixture
def repository() -> MemoryUserRepository:
    return MemoryUserRepository()


@pytest.fixture
def sessions() -> MemorySessionRepository:
    return MemorySessionRepository()


@pytest.fixture
def users(repository: MemoryUserRepository, sessions: MemorySessionRepository) -> Facades:
    return Facades(UserFacade(repository), SessionFacade(repository, sessions))


def sign_up(users: Facades, **changes: Any) -> UserView:
    body = {
        "login_id": "Coyote",
        "password": PASSWORD,
        "name": "Wile",
        "email": f"{changes.get('login_id', 'wile')}@example.com",
        "birth_date": "1949-09-17",
        "gender": "MALE",
    }
    return users.accounts.sign_up(SignUp.model_validate(body | changes))


def open_session(
    users: Facades,
    login_id: str = "Coyote",
    password: str = PASSWORD,
    *,
    source_ip: str = OWNERS_IP,
    device_token: str | None = None,
) -> NewSessionView:
    command = OpenSession(
        login_id=login_id,
        password=SecretStr(password),
        device_token=SecretStr(device_token) if device_token is not None else None,
    )
    return users.sessions.open(command, source_ip=source_ip).view()


def log_in(users: Facades, *credentials: str, **request: Any) -> UUID:
    return tokens.verify(open_session(users, *credentials, **request).access_token).user_id


def fail(users: Facades, times: int, login_id: str = "Coyote", **request: Any) -> None:
    for _ in range(times):
        with pytest.raises(BadCredentials):
            log_in(users, login_id, "a wrong guess", **request)


def test_a_signed_up_user_can_log_in(users: Facades, repository: MemoryUserRepository) -> None:
    user = sign_up(users)
    assert user.model_dump(mode="json") == {
        "user_id": user.user_id,
        "login_id": "Coyote",
        "name": "Wile",
        "email": "wile@example.com",
        "birth_date": "1949-09-17",
        "gender": "MALE",
        "language": "en",
        "email_verified": False,
    }
    assert users.accounts.get(UUID(user.user_id)).user == user
    assert log_in(users) == UUID(user.user_id)
    assert [type(event).__name__ for event in repository.events] == ["UserSignedUp"]


def test_a_session_is_a_bearer_token_with_a_lifetime(users: Facades) -> None:
    sign_up(users)
    session = open_session(users)
    assert (session.token_type, session.expires_in) == ("Bearer", 600)
    assert tokens.verify(session.access_token).scopes == frozenset()
    assert session.access_token not in repr(session)
    assert session.device_token not in repr(session)


def test_an_admins_token_has_the_admin_scope(
    users: Facades, repository: MemoryUserRepository
) -> None:
    user = repository.find(UUID(sign_up(users).user_id))
    assert user is not None
    user.scopes = frozenset({"admin"})
    repository.save_password(user)
    assert tokens.verify(open_session(users).access_token).scopes == {"admin"}


def test_a_login_id_is_unique_in_any_case(users: Facades, repository: MemoryUserRepository) -> None:
    first = sign_up(users)
    with pytest.raises(LoginIdTaken):
        sign_up(users, login_id="cOYOTE", password="another password")
    assert log_in(users, "COYOTE") == UUID(first.user_id)
    assert len(repository.events) == 1


def test_an_unknown_user_id_is_not_found(users: Facades) -> None:
    sign_up(users)
    with pytest.raises(UserNotFound):
        users.accounts.get(uuid4())


@pytest.mark.parametrize("login_id", ["Coyote", "nobody"])
def test_guesses_are_delayed_whether_the_user_exists_or_not(
    users: Facades, time: Clock, login_id: str
) -> None:
    sign_up(users)
    fail(users, 5, login_id)
    for wait_seconds in (1, 2, 4, 8, 16, 32, 60, 120, 300, 900, 900):
        with pytest.raises(TooManyAttempts) as refused:
            log_in(users, login_id.upper(), "a wrong guess")
        assert refused.value.retry_after_seconds == wait_seconds
        time.wait(wait_seconds)
        fail(users, 1, login_id)


def test_the_right_password_is_delayed_too(users: Facades, time: Clock) -> None:
    user = sign_up(users)
    fail(users, 5)
    with pytest.raises(TooManyAttempts):
        log_in(users)
    time.wait(1)
    assert log_in(users) == UUID(user.user_id)
    fail(users, 4)
    assert log_in(users) == UUID(user.user_id)


@pytest.mark.usefixtures("time")
def test_one_password_tried_with_many_login_ids_is_delayed(users: Facades) -> None:
    user = sign_up(users)
    for number in range(10):
        fail(users, 1, f"nobody{number}")
    for login_id in ("nobody10", "Coyote"):
        with pytest.raises(TooManyAttempts) as refused:
            log_in(users, login_id)
        assert refused.value.retry_after_seconds == 10
    assert log_in(users, source_ip=STRANGERS_IP) == UUID(user.user_id)


@pytest.mark.usefixtures("time")
def test_a_success_between_guesses_buys_no_more_of_them(users: Facades) -> None:
    """Somebody with an account of their own signs in to it after each guess."""
    sign_up(users, login_id="stranger")
    for number in range(10):
        fail(users, 1, f"nobody{number}")
        if number < 9:
            log_in(users, "stranger")
    with pytest.raises(TooManyAttempts):
        log_in(users, "nobody10")


@pytest.mark.usefixtures("time")
def test_a_stranger_does_not_lock_out_an_owner_elsewhere(users: Facades) -> None:
    user = sign_up(users)
    fail(users, 5, source_ip=STRANGERS_IP)
    with pytest.raises(TooManyAttempts):
        log_in(users, source_ip=STRANGERS_IP)
    assert log_in(users) == UUID(user.user_id)


@pytest.mark.usefixtures("time")
def test_a_stranger_does_not_lock_out_an_owners_device_anywhere(users: Facades) -> None:
    user = sign_up(users)
    known = open_session(users).device_token
    fail(users, 5)
    for number in range(5):
        fail(users, 1, f"nobody{number}")
    for login_id in ("Coyote", "nobody9"):
        with pytest.raises(TooManyAttempts):
            log_in(users, login_id)
    session = open_session(users, device_token=known)
    assert tokens.verify(session.access_token).user_id == UUID(user.user_id)
    assert devices.read(session.device_token) == devices.read(known)


def test_the_failures_of_a_known_device_are_its_own(users: Facades, time: Clock) -> None:
    user = sign_up(users)
    known = open_session(users).device_token
    fail(users, 5, device_token=known)
    with pytest.raises(TooManyAttempts) as refused:
        log_in(users, device_token=known)
    assert refused.value.retry_after_seconds == 1
    assert log_in(users) == UUID(user.user_id)
    time.wait(1)
    assert log_in(users, device_token=known) == UUID(user.user_id)
    fail(users, 4, device_token=known)
    assert log_in(users, device_token=known) == UUID(user.user_id)


@pytest.mark.usefixtures("time")
def test_another_users_device_counts_as_any_other(users: Facades) -> None:
    sign_up(users)
    sign_up(users, login_id="stranger")
    foreign = open_session(users, "stranger").device_token
    fail(users, 5, device_token=foreign)
    for device_token in (foreign, None):
        with pytest.raises(TooManyAttempts):
            log_in(users, device_token=device_token)
    assert log_in(users, "stranger", device_token=foreign)


def test_a_forged_or_expired_device_token_counts_as_none(users: Facades, time: Clock) -> None:
    sign_up(users)
    age_seconds = devices.LIFETIME.total_seconds() + 60
    time.wait(-age_seconds)
    expired = open_session(users).device_token
    time.wait(age_seconds)
    forged = open_session(users).device_token[:-4] + "AAAA"
    for device_token in (expired, forged, "no token", "", "a.b.c"):
        fail(users, 1, device_token=device_token)
    for unknown in (expired, forged, None):
        with pytest.raises(TooManyAttempts):
            log_in(users, device_token=unknown)


@pytest.mark.usefixtures("time")
def test_a_guess_that_must_wait_costs_no_hash(
    users: Facades, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(users)
    fail(users, 5)
    hashed: list[str] = []

    def never_right(password: str, _: str | None) -> bool:
        hashed.append(password)
        return False

    monkeypatch.setattr(passwords, "is_right", never_right)
    with pytest.raises(TooManyAttempts):
        log_in(users)
    assert hashed == []


@pytest.mark.usefixtures("time")
def test_one_users_failures_do_not_delay_others(users: Facades) -> None:
    other = sign_up(users, login_id="runner")
    sign_up(users)
    fail(users, 5)
    assert log_in(users, "runner") == UUID(other.user_id)


@pytest.mark.usefixtures("time")
def test_a_guess_overtaken_by_other_failures_is_refused(
    users: Facades, repository: MemoryUserRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one guess is being hashed, five others fail: it learns nothing, right or wrong."""
    sign_up(users)
    counters = counters_of("coyote", OWNERS_IP)

    def is_right_at_last(password: str, kept: str | None) -> bool:
        attempts = repository.lock_attempts(counters)
        for _ in range(5):
            for each in attempts:
                each.fail(clock.now())
        repository.save_attempts(attempts)
        return True

    monkeypatch.setattr(passwords, "is_right", is_right_at_last)
    with pytest.raises(TooManyAttempts):
        log_in(users)
    assert [each.failures for each in repository.lock_attempts(counters)] == [5, 5]
