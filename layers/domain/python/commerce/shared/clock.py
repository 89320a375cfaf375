"""Time and identity: the two things a model may not make up for itself."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils.compat


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7: made by the caller, so that a whole write set can be sent at once; sorts by age."""
    return uuid_utils.compat.uuid7()


def first_id_at(moment: datetime) -> UUID:
    """The lowest UUIDv7 of that millisecond: ids made before it are less, all others are not."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def rfc3339(moment: datetime) -> str:
    """`2026-01-31T09:30:00.123456Z`: UTC, always with microseconds."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"  # strftime leaves a year's zeros out
