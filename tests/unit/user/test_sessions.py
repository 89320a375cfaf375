"""The chain of a session's refresh tokens."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from commerce.user.sessions.model import LIFETIME, REPEATABLE_FOR, Refresh, Session

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
SESSION_ID = UUID("0190a000-0000-7000-8000-000000000002")
USER_ID = UUID("0190a000-0000-7000-8000-000000000001")


@pytest.fixture
def session() -> Session:
    """A session that was refreshed twice, the last time now."""
    found = Session.opened(SESSION_ID, USER_ID, 0, "", NOW - timedelta(days=2))
    for number, day in enumerate((1, 0)):
        assert found.refresh(number, 0, NOW - timedelta(days=day)) is Refresh.NEXT
    return found


def test_the_last_token_is_followed_by_the_next(session: Session) -> None:
    later = NOW + timedelta(days=3)
    assert session.refresh(2, 4, later) is Refresh.NEXT
    assert (session.generation, session.epoch) == (3, 4)
    assert (session.used_at, session.expires_at) == (later, later + LIFETIME)


@pytest.mark.parametrize("seconds", [0, 10])
def test_the_token_before_may_be_repeated_for_ten_seconds(session: Session, seconds: int) -> None:
    assert session.refresh(1, 4, NOW + timedelta(seconds=seconds)) is Refresh.REPEATED
    assert (session.generation, session.epoch, session.used_at) == (2, 0, NOW)


@pytest.mark.parametrize(
    ("generation", "after"),
    [(1, REPEATABLE_FOR + timedelta(milliseconds=1)), (0, timedelta()), (3, timedelta())],
)
def test_any_other_token_was_used_before(
    session: Session, generation: int, after: timedelta
) -> None:
    assert session.refresh(generation, 0, NOW + after) is Refresh.REUSED
