"""The crowd of `make drop-demo`: more shoppers than a small machine signs up in a minute.

Hashing so many passwords takes minutes, so their accounts are made by one statement in the
database, without a password, and their tokens are signed with the shop's key. The emulator answers
some twenty entries a second, so only some of the crowd enter by HTTP; the others run the function's
use case in this process, on the same database.
"""

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

from infra.local.api import Api
from infra.local.demo import Buyer
from infra.local.functions import become

THREADS = 8  # more at once only wait for each other on a small machine
_ACCOUNTS = """
    INSERT INTO user_account
        (id, login_id, password_hash, name, email, birth_date, gender, version, created_at)
    SELECT gen_random_uuid(), $1 || n, '', 'Demo Shopper', $1 || n || '@example.com', '1990-04-12',
        'OTHER', 1, now()
    FROM generate_series(1, CAST($2 AS integer)) AS n
    RETURNING id, login_id
"""


@dataclass(frozen=True, slots=True)
class Member(Buyer):
    """One of the crowd."""

    user_id: UUID


def crowd(anyone: Api, shoppers: int, running: Mapping[str, str]) -> list[Member]:
    """Make so many shoppers' accounts; return each with the API as they may use it.

    Gives this process the environment of the function by which they enter.
    """
    become("EnterDropFunction", running)
    from commerce.runtime import tokens
    from commerce.runtime.db.current import database
    from commerce.runtime.db.pipeline import Query

    prefix = f"c{secrets.token_hex(2)}"
    made = database().run([Query(_ACCOUNTS, [prefix, shoppers])])[0]
    return [
        Member(row.login_id, anyone.as_owner_of(tokens.sign(row.id)), user_id=row.id)
        for row in made
    ]


def enter_by_http(buyers: Sequence[Buyer], drop_id: str) -> list[str]:
    """Let all of them enter, several at once; return their entries' ids in their order."""

    def enter(buyer: Buyer) -> str:
        entry = buyer.api.call("POST", f"/drops/{drop_id}/entries", {}, secrets.token_hex(16))
        return str(entry["entry_id"])

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(enter, buyers))


def enter_here(members: Sequence[Member], drop_id: str) -> list[str]:
    """Let all of them enter by the function's use case; return their entries' ids."""
    from commerce.app import drops
    from commerce.drop import EnterDrop

    def enter(member: Member) -> str:
        entry, _ = drops.enter_drop(drop_id, EnterDrop(), user_id=member.user_id)
        return entry.entry_id

    return [enter(member) for member in members]
