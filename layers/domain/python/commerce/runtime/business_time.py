"""The shop's own time: the zone in which its hours and days begin and end."""

from functools import cache
from zoneinfo import ZoneInfo

from commerce.runtime import settings


def zone_name() -> str:
    """The IANA name of the business time zone, e.g. Asia/Seoul."""
    return settings.text("BUSINESS_TIME_ZONE", "Asia/Seoul")


def zone() -> ZoneInfo:
    """The business time zone. Raises ZoneInfoNotFoundError for a name that is none."""
    return _zone(zone_name())


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
