"""Times as callers see them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shared import clock


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_read_back_unchanged(moment: datetime) -> None:
    assert datetime.fromisoformat(clock.rfc3339(moment)) == moment


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00.000000Z"),
        (datetime(292, 4, 1, 10, 24, 36, 900000, tzinfo=UTC), "0292-04-01T10:24:36.900000Z"),
        (
            datetime(2026, 1, 1, 8, tzinfo=timezone(timedelta(hours=9))),
            "2025-12-31T23:00:00.000000Z",
        ),
    ],
)
def test_a_time_has_four_digits_of_year_and_is_utc(moment: datetime, text: str) -> None:
    assert clock.rfc3339(moment) == text
