"""Claims the addresses of accounts that migration 0017 found, each for its oldest account.

Ids grow with time, so the accounts are read oldest first. An account whose address is another's
stays without a claim, and is looked at again in the next deploy.
"""

from functools import partial
from uuid import UUID

from sqlalchemy import bindparam, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime import settings
from commerce.runtime.db.connection import opened
from commerce.user.addresses import normalized

CHUNK = 1_000  # accounts per transaction
_FIRST = UUID(int=0)

_NEXT = text("""
    SELECT id, email FROM user_account WHERE id > :after
        AND NOT EXISTS (SELECT FROM email_claim WHERE user_id = user_account.id)
    ORDER BY id LIMIT :limit
""")
# An account that was edited since it was read has claimed its new address itself.
_CLAIM = text("""
    INSERT INTO email_claim (address, user_id)
    SELECT address, user_id FROM jsonb_to_recordset(:found) AS found (address text, user_id uuid)
    ORDER BY address, user_id ON CONFLICT DO NOTHING
""").bindparams(bindparam("found", type_=JSONB))


def claim_addresses() -> None:
    """Claim every address that nobody has, a chunk per transaction. May be repeated any time."""
    engine = create_engine(
        "postgresql+pg8000://", creator=partial(opened, settings.database_url(fresh=True))
    )
    after = _FIRST
    try:
        while True:
            with engine.begin() as connection:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                accounts = connection.execute(_NEXT, {"after": after, "limit": CHUNK}).all()
                if not accounts:
                    return
                found = [
                    {"address": normalized(each.email), "user_id": str(each.id)}
                    for each in accounts
                ]
                connection.execute(_CLAIM, {"found": found})
            after = accounts[-1].id
    finally:
        engine.dispose()
