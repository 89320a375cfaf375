"""Hours, days, weeks and months of the business, whatever its clocks do."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.ranking import InvalidMoment, Period, Window, parse_key
from commerce.ranking.model import is_time_to_carry, window_of_key

SEOUL, KOLKATA, NEW_YORK = map(ZoneInfo, ("Asia/Seoul", "Asia/Kolkata", "America/New_York"))
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its summer is half an hour
ZONES = [SEOUL, KOLKATA, NEW_YORK, LORD_HOWE, ZoneInfo("Asia/Kathmandu"), ZoneInfo("UTC")]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "moment", "day", "hour"),
    [
        (SEOUL, "2026-03-09T15:00:00Z", "20260310", "2026031000"),
        (SEOUL, "2026-03-09T14:59:59.999999Z", "20260309", "2026030923"),
        (KOLKATA, "2026-03-09T18:29:59Z", "20260309", "2026030923"),
        (KOLKATA, "2026-03-09T18:30:00Z", "20260310", "2026031000"),
        (NEW_YORK, "2026-03-08T06:59:59Z", "20260308", "2026030801"),
        (NEW_YORK, "2026-03-08T07:00:00Z", "20260308", "2026030803"),  # clocks go forward
        (NEW_YORK, "2026-11-01T05:30:00Z", "20261101", "2026110101"),
        (NEW_YORK, "2026-11-01T06:30:00Z", "20261101", "2026110101"),  # and back
    ],
)
def test_a_moment_belongs_to_a_business_hour_and_day(
    zone: ZoneInfo, moment: str, day: str, hour: str
) -> None:
    found = [
        Window.containing(period, at(moment), zone) for period in (Period.DAILY, Period.HOURLY)
    ]
    assert [window.key for window in found] == [day, hour]
    assert Window.containing(Period.DAILY, found[1].begins_at(zone), zone) == found[0]
    assert [window_of_key(window.period, window.key) for window in found] == found


def test_windows_skip_an_hour_that_clocks_leave_out() -> None:
    before, after = (window_of_key(Period.HOURLY, f"20260308{hour}") for hour in ("01", "03"))
    assert before.following(NEW_YORK) == after
    assert after.preceding(NEW_YORK) == before


def test_a_repeated_hour_is_one_window() -> None:
    hours = [window_of_key(Period.HOURLY, f"20261101{hour}") for hour in ("00", "01", "02")]
    assert [hour.following(NEW_YORK) for hour in hours[:2]] == hours[1:]
    assert [hour.preceding(NEW_YORK) for hour in hours[1:]] == hours[:2]
    assert hours[1].begins_at(NEW_YORK) == at("2026-11-01T05:00:00Z")


@given(
    moment=st.datetimes(
        min_value=datetime(2020, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
        max_value=datetime(2030, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    zone=st.sampled_from(ZONES),
    period=st.sampled_from([Period.HOURLY, Period.DAILY]),
)
def test_windows_follow_each_other_without_a_gap(
    moment: datetime, zone: ZoneInfo, period: Period
) -> None:
    window = Window.containing(period, moment, zone)
    following = window.following(zone)
    assert following > window
    assert following.preceding(zone) == window
    assert window.begins_at(zone) <= moment < following.begins_at(zone)
    last = following.begins_at(zone) - timedelta(microseconds=1)
    assert Window.containing(period, last, zone) == window


@pytest.mark.parametrize(
    ("period", "key"),
    [
        (Period.DAILY, "20260229"), (Period.DAILY, "2026229"), (Period.DAILY, " 2026022"),
        (Period.DAILY, ""), (Period.DAILY, "20260210\n"), (Period.HOURLY, "2026021024"),
        (Period.HOURLY, "20260210"), (Period.WEEKLY, "2025W53"), (Period.WEEKLY, "2026W54"),
        (Period.WEEKLY, "2026w10"), (Period.MONTHLY, "202600"), (Period.MONTHLY, "000001"),
    ],
)  # fmt: skip
def test_an_invalid_window_key_is_refused(period: Period, key: str) -> None:
    with pytest.raises(InvalidMoment) as refused:
        parse_key(period, key)
    assert refused.value.errors[0]["field"] == "at"


@pytest.mark.parametrize(
    ("period", "moment", "is_due"),
    [
        (Period.DAILY, "2026-03-10T23:49:59", False),
        (Period.DAILY, "2026-03-10T23:50:00", True),
        (Period.DAILY, "2026-03-10T23:59:59", True),
        (Period.DAILY, "2026-03-10T22:55:00", False),
        (Period.HOURLY, "2026-03-10T14:49:59", False),
        (Period.HOURLY, "2026-03-10T14:50:00", True),
        (Period.HOURLY, "2026-03-10T15:00:00", False),
    ],
)
def test_carry_over_is_due_in_the_last_ten_minutes(
    period: Period, moment: str, *, is_due: bool
) -> None:
    now = at(moment).replace(tzinfo=KOLKATA)
    assert is_time_to_carry(Window.containing(period, now, KOLKATA), now, KOLKATA) is is_due


def test_events_are_accepted_while_counted_ids_are_remembered() -> None:
    day, hour = window_of_key(Period.DAILY, "20260310"), window_of_key(Period.HOURLY, "2026031014")
    assert day.takes_events(at("2026-03-11T23:59:59+09:00"), SEOUL)
    assert not day.takes_events(at("2026-03-12T00:00:00+09:00"), SEOUL)
    assert hour.takes_events(at("2026-03-11T13:59:59+09:00"), SEOUL)
    assert not hour.takes_events(at("2026-03-11T14:00:00+09:00"), SEOUL)
