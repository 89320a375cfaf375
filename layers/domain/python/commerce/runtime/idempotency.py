"""Once: a wish or an event takes effect a single time, because a row says that it has.

The claim is written in the transaction of the effect. Whoever comes second waits on the unique
index until the first has committed, and then finds its answer.
"""

import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")


class AlreadyDone(CommerceError):
    """This was done before."""

    kind = Kind.CONFLICT
    code = "ALREADY_DONE"


class IdempotencyKeyReused(CommerceError):
    """The Idempotency-Key was used for another request."""

    kind = Kind.INVALID
    code = "IDEMPOTENCY_KEY_REUSED"

    def __init__(self) -> None:
        super().__init__("A new request needs a new key; the first request stands as it is.")


@dataclass(frozen=True, slots=True)
class Claim:
    """What may happen once: `key` within `scope`, for one and the same request."""

    scope: str
    key: str
    fingerprint: str = ""


def fingerprint(body: Any, key: bytes = b"") -> str:
    """The same for the same JSON, whatever its spacing and order of names.

    With a `key`, nobody without it can find out by trying what the JSON was.
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    if key:
        return hmac.new(key, canonical, hashlib.sha256).hexdigest()
    return hashlib.sha256(canonical).hexdigest()


def claim(uow: UnitOfWork, claimed: Claim, answer: str | None = None) -> None:
    """Let the transaction happen only if nobody claimed this before; else AlreadyDone."""
    row = sql.CLAIM(
        scope=claimed.scope,
        key=claimed.key,
        fingerprint=claimed.fingerprint,
        answer=answer,
        claimed_at=clock.now(),
    )
    uow.claim(row, {"done_once": AlreadyDone})


def claim_new(uow: UnitOfWork, scope: str, keys: Collection[str]) -> set[str]:
    """Claim those of the keys that nobody claimed before, and say which those are.

    Opens the transaction in which they take effect; whoever claims the same ones waits for its end.
    """
    claims = [{"key": key} for key in keys]
    found = uow.lock(sql.CLAIM_NEW(scope=scope, claims=claims, claimed_at=clock.now()))
    return {row.key for row in found}


def claim_events(uow: UnitOfWork, consumer: str, ids: Collection[UUID]) -> set[UUID]:
    """Claim events for a consumer; return those that take effect in this transaction alone."""
    return {UUID(key) for key in claim_new(uow, consumer, [str(id_) for id_ in ids])}


def release(uow: UnitOfWork, claimed: Claim, answer: str | None = None) -> None:
    """Give a claim back, because what it was for did not happen: it may be claimed again.

    With an `answer`, only the claim that was answered so: not one that somebody made since.
    """
    if answer is None:
        uow.write(sql.RELEASE(scope=claimed.scope, key=claimed.key))
    else:
        uow.write(sql.RELEASE_ANSWERED(scope=claimed.scope, key=claimed.key, answer=answer))


def is_done(uow: UnitOfWork, claimed: Claim) -> bool:
    """Whether the claim is taken: a cheap look before work that cannot be rolled back."""
    return bool(uow.read(_find(claimed)))


def find_answer(uow: UnitOfWork, claimed: Claim) -> str | None:
    """The first answer, if there is one. Raises IdempotencyKeyReused for another request's."""
    for row in uow.read(_find(claimed)):
        if row.fingerprint != claimed.fingerprint:
            raise IdempotencyKeyReused
        return str(row.answer)
    return None


def _find(claimed: Claim) -> Query:
    return sql.FIND_CLAIM(scope=claimed.scope, key=claimed.key)
