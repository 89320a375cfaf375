"""The business time zone, in which the shop's hours and days begin and end."""

from datetime import datetime, time
from functools import cache
from zoneinfo import ZoneInfo

from commerce.runtime import settings


def zone_name() -> str:
    """Return the IANA name of the business time zone, e.g. Asia/Seoul."""
    return settings.text("BUSINESS_TIME_ZONE", "Asia/Seoul")


def zone() -> ZoneInfo:
    """Return the business time zone. Raises ZoneInfoNotFoundError for an unknown name."""
    return _zone(zone_name())


def begin_of_day(at: datetime) -> datetime:
    """Return the moment at which the business day of `at` began."""
    return datetime.combine(at.astimezone(zone()), time.min, zone())


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
