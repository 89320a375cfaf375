"""The table of alerts: one row per kind and subject, however often it was raised."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from commerce.runtime.db.core import metadata

# `version` counts what operators did, not how often it was raised: a recurrence makes nobody's
# acknowledgement stale.
alert_table = Table(
    "alert",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("code", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("runbook", Text, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("acknowledged_at", DateTime(timezone=True)),
    Column("acknowledged_by", Text),
    Column("note", Text),
    Column("silenced_until", DateTime(timezone=True)),
    Column("silenced_by", Text),
    Column("silence_reason", Text),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("code", "about", name="alert_of_subject"),
    CheckConstraint("count > 0", name="alert_raised"),
    CheckConstraint(
        "(acknowledged_at IS NULL) = (acknowledged_by IS NULL)"
        " AND (acknowledged_at IS NULL) = (note IS NULL)",
        name="alert_acknowledgement_whole",
    ),
    CheckConstraint(
        "(silenced_until IS NULL) = (silenced_by IS NULL)"
        " AND (silenced_until IS NULL) = (silence_reason IS NULL)",
        name="alert_silence_whole",
    ),
)
Index("alert_newest", alert_table.c.last_at, alert_table.c.id)
