"""Current time and new ids, which models get from here only."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Make a UUIDv7: it sorts by age, and no round trip to the database is needed for it."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """Return the lowest UUIDv7 of that millisecond; ids made earlier are less than it."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def rfc3339(moment: datetime) -> str:
    """Format as `2026-01-31T09:30:00.123456Z`: in UTC, always with microseconds."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"  # strftime omits leading zeros of a year
