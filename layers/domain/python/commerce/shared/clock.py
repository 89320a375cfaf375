"""Current time and new ids, which models get from here only, and times as text."""

import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import uuid_utils.compat

_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Make a UUIDv7: it sorts by age, and no round trip to the database is needed for it."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """Return the lowest UUIDv7 of that millisecond; ids made earlier are less than it.

    No id was made before 1970: of an earlier moment it is the lowest id of all.
    """
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)


def moment_of(id_: UUID) -> datetime:
    """Return the time at which a UUIDv7 was made."""
    return datetime.fromtimestamp((id_.int >> 80) / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """Format as `2026-01-31T09:30:00.123456Z`: in UTC, always with microseconds."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"  # strftime omits leading zeros of a year


def parse_rfc3339(text: str) -> datetime:
    """Parse RFC 3339's `date-time`, exactly; in UTC, without what is finer than a microsecond.

    A leap second, which must be 23:59:60 in UTC, is read as the second after it. Raises ValueError.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a date-time of RFC 3339")
    day, hour, minute, second, fraction, offset = found.groups()
    is_leap = second == "60"
    whole = f"{day}T{hour}:{minute}:{'59' if is_leap else second}{offset.upper()}"
    try:
        moment = datetime.fromisoformat(whole).astimezone(UTC)
        if is_leap and (moment.hour, moment.minute) != (23, 59):
            raise ValueError("no second is a leap second but 23:59:60 in UTC")
        microseconds = int((fraction or "0")[:6].ljust(6, "0"))
        return moment + timedelta(seconds=is_leap, microseconds=microseconds)
    except OverflowError as error:
        raise ValueError("outside of the years 1 to 9999") from error


def parse_date(text: str) -> date:
    """Parse a date that is written as yyyy-mm-dd, exactly. Raises ValueError."""
    if not _DATE.fullmatch(text):
        raise ValueError("not yyyy-mm-dd")
    return date.fromisoformat(text)
