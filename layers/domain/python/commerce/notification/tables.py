"""The table of mails. It has neither addresses nor contents."""

from sqlalchemy import Column, DateTime, Index, PrimaryKeyConstraint, Table, Uuid

from commerce.runtime.db.core import metadata

mail_table = Table(
    "mail",
    metadata,
    Column("event_id", Uuid, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("sent_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("event_id", name="mail_once_per_event"),
    Index("mail_begun", "begun_at"),
)
