"""Idempotency: a claim row makes a request or an event take effect once.

The claim is inserted in the transaction of the effect. A second transaction waits on the unique
index until the first has committed, and then finds its answer.
"""

import hashlib
import hmac
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from commerce.runtime.db.pipeline import Query
from commerce.runtime.db.sql import sql
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind


class AlreadyDone(CommerceError):
    """This was done before."""

    kind = Kind.CONFLICT
    code = "ALREADY_DONE"


class IdempotencyKeyReused(CommerceError):
    """The Idempotency-Key was used for another request."""

    kind = Kind.INVALID
    code = "IDEMPOTENCY_KEY_REUSED"
    default_detail = "A new request needs a new key; the first request stands as it is."


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to take effect once: for `key` within `scope`, and one request's fingerprint."""

    scope: str
    key: str
    fingerprint: str = ""


def fingerprint(body: Any, key: bytes = b"") -> str:
    """Hash JSON independently of its spacing and the order of its names.

    With a `key`, the hash is an HMAC: without the key, the JSON cannot be guessed by trying.
    """
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    if key:
        return hmac.new(key, canonical, hashlib.sha256).hexdigest()
    return hashlib.sha256(canonical).hexdigest()


def claim(uow: UnitOfWork, claimed: Claim, answer: str | None = None) -> None:
    """Make the commit raise AlreadyDone if this was claimed before."""
    row = sql.CLAIM(
        scope=claimed.scope,
        key=claimed.key,
        fingerprint=claimed.fingerprint,
        answer=answer,
        claimed_at=clock.now(),
    )
    uow.claim(row, {"done_once": AlreadyDone})


def claim_new(uow: UnitOfWork, scope: str, keys: Collection[str]) -> set[str]:
    """Claim the keys that are not claimed yet; return them.

    Opens a transaction, in which they must take effect. Others that claim the same keys wait for
    its end.
    """
    claims = [{"key": key} for key in keys]
    found = uow.lock(sql.CLAIM_NEW(scope=scope, claims=claims, claimed_at=clock.now()))
    return {row.key for row in found}


def claim_events(uow: UnitOfWork, consumer: str, ids: Collection[UUID]) -> set[UUID]:
    """Claim events for a consumer; return the new ones. See `claim_new`."""
    return {UUID(key) for key in claim_new(uow, consumer, [str(id_) for id_ in ids])}


def release(uow: UnitOfWork, claimed: Claim, answer: str | None = None) -> None:
    """Release a claim whose effect did not happen, so that it can be claimed again.

    With an `answer`, release the claim only if it has this answer, and so is not a newer one.
    """
    if answer is None:
        uow.write(sql.RELEASE(scope=claimed.scope, key=claimed.key))
    else:
        uow.write(sql.RELEASE_ANSWERED(scope=claimed.scope, key=claimed.key, answer=answer))


def forget(uow: UnitOfWork, user_id: UUID) -> None:
    """Forget the answers to a user's requests."""
    uow.write(sql.FORGET_ANSWERS(erased=str(user_id)))


def is_done(uow: UnitOfWork, claimed: Claim) -> bool:
    """Return true where this is claimed; a cheap check before work without a rollback."""
    return bool(uow.read(_find(claimed)))


def find_answer(uow: UnitOfWork, claimed: Claim) -> str | None:
    """Return the first answer, if any. Raises IdempotencyKeyReused for another request's."""
    for row in uow.read(_find(claimed)):
        if row.fingerprint != claimed.fingerprint:
            raise IdempotencyKeyReused
        return str(row.answer)
    return None


def _find(claimed: Claim) -> Query:
    return sql.FIND_CLAIM(scope=claimed.scope, key=claimed.key)
