"""Users, and the limit on failed attempts to sign in."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from commerce.shared.errors import Kind
from commerce.user import TooManyAttempts, UserSignedUp
from commerce.user.model import LoginAttempts, User

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
USER_ID = UUID("0190a000-0000-7000-8000-000000000001")


def failed(times: int) -> LoginAttempts:
    attempts = LoginAttempts()
    for _ in range(times):
        attempts.fail(NOW)
    return attempts


@pytest.mark.parametrize("failures", [0, 1, 2, 3, 4])
def test_the_first_failures_cost_no_wait(failures: int) -> None:
    failed(failures).check(NOW)


@pytest.mark.parametrize(
    ("failures", "wait_seconds"),
    [(5, 1), (6, 2), (7, 4), (8, 8), (9, 16), (10, 32), (11, 60), (12, 60), (1000, 60)],
)
def test_then_the_wait_doubles_up_to_a_minute(failures: int, wait_seconds: int) -> None:
    attempts = failed(failures)
    with pytest.raises(TooManyAttempts) as refused:
        attempts.check(NOW)
    assert refused.value.retry_after_seconds == wait_seconds
    assert (refused.value.kind, refused.value.code) == (Kind.TOO_MANY, "TOO_MANY_ATTEMPTS")
    attempts.check(NOW + timedelta(seconds=wait_seconds))


def test_a_partial_second_of_waiting_is_rounded_up() -> None:
    with pytest.raises(TooManyAttempts) as refused:
        failed(6).check(NOW + timedelta(seconds=1.999))
    assert refused.value.retry_after_seconds == 1


def test_a_success_resets_the_failure_count() -> None:
    attempts = failed(11)
    attempts.succeed()
    later = NOW + timedelta(seconds=60)
    for _ in range(4):
        attempts.fail(later)
        attempts.check(later)


def test_the_sign_up_event_carries_no_personal_data() -> None:
    user = User.signed_up(
        id_=USER_ID,
        login_id="coyote",
        password_hash="$argon2id$…",
        name="Wile",
        email="wile@example.com",
        birth_date=date(1949, 9, 17),
        gender="MALE",
    )
    assert user.events == [UserSignedUp(aggregate_id=USER_ID, aggregate_version=1, user_id=USER_ID)]
    event = user.events[0].envelope()
    assert (event["source"], event["type"]) == ("commerce.user", "UserSignedUp")
    assert event["data"] == {"user_id": str(USER_ID)}
    assert user.scopes == frozenset()
    assert "argon2id" not in repr(user)
