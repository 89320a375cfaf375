"""Times as callers see them."""

from datetime import UTC, date, datetime, timedelta, timezone

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


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-01T00:00:00Z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01t00:00:00z", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T09:00:00+09:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-11-30T00:01:00-23:59", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00-00:00", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-12-01T00:00:00.5Z", datetime(2026, 12, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-12-01T00:00:00.1234567890Z", datetime(2026, 12, 1, 0, 0, 0, 123_456, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2017-01-01T08:59:60+09:00", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_date_time_of_rfc_3339_is_parsed(text: str, moment: datetime) -> None:
    assert clock.parse_rfc3339(text) == moment


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_that_was_formatted_is_parsed(moment: datetime) -> None:
    assert clock.parse_rfc3339(clock.rfc3339(moment)) == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026-W49-1T00:00:00Z", "20261201T000000Z", "2026-335T00:00:00Z", "2026-12-01",
        "2026-12-01T00:00:00", "2026-12-01 00:00:00Z", "2026-12-01T00:00Z", "2026-12-01T00Z",
        "2026-12-01T00:00:00,5Z", "2026-12-01T00:00:00.Z", "2026-12-01T00:00:00+0900",
        "2026-12-01T00:00:00+09", "2026-12-01T00:00:00+24:00", "2026-12-01T00:00:00+09:60",
        "2026-12-01T00:00:00+09:00:30", "2026-12-01T24:00:00Z", "2026-12-01T00:60:00Z",
        "2026-12-01T00:00:60Z", "2017-01-01T23:59:60+09:00", "2026-12-01T00:00:61Z",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:60Z", "12026-12-01T00:00:00Z",
        "２０２６-12-01T00:00:00Z", "2026-12-01T00:00:00Z\n", " 2026-12-01T00:00:00Z", "",
    ],
)  # fmt: skip
def test_what_is_not_a_date_time_of_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        clock.parse_rfc3339(text)


@pytest.mark.parametrize(
    "text",
    [
        "20261201",
        "2026-W49-1",
        "2026-335",
        "2026-2-1",
        "2026-02-29",
        "２０２６-12-01",
        "2026-12-01\n",
    ],
)
def test_a_date_is_exactly_yyyy_mm_dd(text: str) -> None:
    assert clock.parse_date("2026-12-01") == date(2026, 12, 1)
    with pytest.raises(ValueError):  # noqa: PT011
        clock.parse_date(text)
