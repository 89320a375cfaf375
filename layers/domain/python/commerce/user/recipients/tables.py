"""The table of addresses that are mailed no more."""

from sqlalchemy import Column, DateTime, ForeignKeyConstraint, Index, Table, Text, Uuid

from commerce.runtime.db.core import metadata
from commerce.user.tables import email_claim_table, user_table

suppressed_address_table = Table(
    "suppressed_address",
    metadata,
    Column("address", Text, primary_key=True),  # as commerce.user.addresses writes it
    Column("user_id", Uuid, nullable=False),  # whose it was when it was suppressed
    Column("reason", Text, nullable=False),
    Column("suppressed_at", DateTime(timezone=True), nullable=False),
    ForeignKeyConstraint(
        ["user_id"], ["user_account.id"], name="suppressed_for_a_user", ondelete="CASCADE"
    ),
    Index("suppressed_address_of_user", "user_id"),
)

_s, _c = suppressed_address_table.c, email_claim_table.c
WITH_SUPPRESSION = user_table.outerjoin(email_claim_table, _c.user_id == user_table.c.id).outerjoin(
    suppressed_address_table, _s.address == _c.address
)
"""Users with their claimed address, and whether it is suppressed."""
SUPPRESSION = (_s.suppressed_at.label("mail_suppressed_at"), _s.reason.label("mail_suppression"))
