"""Idempotency: a claim row makes a request or an event take effect once.

The claim is inserted in the transaction of the effect. A second transaction waits on the unique
index until the first has committed, and then finds its answer. A refusal by a rule (404, 409) is an
answer as well: it is claimed in a transaction of its own, after the rollback.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.sql import sql
from commerce.runtime.db.statement import Statement
from commerce.runtime.db.unit_of_work import ClaimFirst, OnViolation, UnitOfWork
from commerce.shared import clock
from commerce.shared.errors import CommerceError, Kind

V = TypeVar("V", bound=BaseModel)

# Refusals by a rule. Others the caller can correct (400, 401, 403, 422), or they may pass (5xx).
_KEPT = (Kind.NOT_FOUND, Kind.CONFLICT)
_REFUSED = "refused"  # the only field of a refusal's answer; no view has it


class AlreadyDone(CommerceError):
    """This was done before."""

    kind = Kind.CONFLICT
    code = "ALREADY_DONE"

    def __init__(self, first: str | None = None) -> None:
        super().__init__()
        self.first = first


class IdempotencyKeyReused(CommerceError):
    """The Idempotency-Key was used for another request."""

    kind = Kind.INVALID
    code = "IDEMPOTENCY_KEY_REUSED"
    default_detail = "A new request needs a new key; the first request stands as it is."


class RequestInProgress(CommerceError):
    """The first request with this Idempotency-Key is still running."""

    kind = Kind.CONFLICT
    code = "REQUEST_IN_PROGRESS"
    default_detail = "Ask again in a moment to get its answer."
    default_retry_after_seconds = 1


_ON_VIOLATION: OnViolation = {"done_once": AlreadyDone}


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


def claim(uow: UnitOfWork, claimed: Claim) -> None:
    """Make the commit raise AlreadyDone if this was claimed before."""
    uow.claim(_row(sql.CLAIM, claimed, None), _ON_VIOLATION)


def begin(uow: UnitOfWork, claimed: Claim) -> None:
    """Begin a request's transaction with its claim.

    The first read raises AlreadyDone, with the first answer, or IdempotencyKeyReused. The first
    lock waits for a request with the same key that is under way, and raises AlreadyDone.
    """

    def found(rows: Sequence[Row]) -> None:
        answer = _answer_of(claimed, rows)
        if answer is not None:
            raise AlreadyDone(answer)

    insert = _row(sql.CLAIM, claimed, None)
    uow.claim_first(ClaimFirst(_find(claimed), found, insert, _ON_VIOLATION))


def answer(uow: UnitOfWork, claimed: Claim, given: str) -> None:
    """Claim the request with its answer, to be committed with its effect."""
    if uow.is_claimed:
        uow.write(sql.ANSWER(scope_=claimed.scope, key_=claimed.key, answer=given))
    else:
        uow.claim(_row(sql.CLAIM, claimed, given), _ON_VIOLATION)


def refuse(uow: UnitOfWork, claimed: Claim, refusal: CommerceError, request_id: str) -> str | None:
    """Make a refusal by a rule the request's first answer; return the one that is there before it.

    Call it in a unit of work of its own. A refusal that may pass, or that the caller can correct,
    is no answer: the key can be used again. Raises IdempotencyKeyReused.
    """
    if refusal.kind not in _KEPT or isinstance(refusal, AlreadyDone):
        return find_answer(uow, claimed)
    stored = json.dumps({_REFUSED: _fields(refusal, request_id)})
    # In one batch, which is a transaction: the second statement sees what the first waited for.
    kept, rows = uow.read_together(_row(sql.CLAIM_REFUSED, claimed, stored), _find(claimed))
    return None if kept else _answer_of(claimed, rows)


def _fields(refusal: CommerceError, request_id: str) -> dict[str, Any]:
    return {
        "kind": refusal.kind.value,
        "code": refusal.code,
        "title": refusal.title,
        "detail": refusal.detail,
        "errors": refusal.errors,
        "facts": {**refusal.facts, "request_id": request_id},
        "retry_after_seconds": refusal.retry_after_seconds,
    }


def read_answer(first: str, model: type[V]) -> V:
    """Return the first answer. Raises the refusal that it was."""
    if not first.startswith(f'{{"{_REFUSED}":'):
        return model.model_validate_json(first)
    stored = json.loads(first)[_REFUSED]
    kind, code, title = Kind(stored.pop("kind")), stored.pop("code"), stored.pop("title")
    refusal = type("FirstRefusal", (CommerceError,), {"__doc__": title, "kind": kind, "code": code})
    raise refusal(**stored)


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
    return _answer_of(claimed, uow.read(_find(claimed)))


def _find(claimed: Claim) -> Query:
    return sql.FIND_CLAIM(scope=claimed.scope, key=claimed.key)


def _answer_of(claimed: Claim, rows: Sequence[Row]) -> str | None:
    for row in rows:
        if row.fingerprint != claimed.fingerprint:
            raise IdempotencyKeyReused
        return str(row.answer)
    return None


def _row(statement: Statement, claimed: Claim, given: str | None) -> Query:
    return statement(
        scope=claimed.scope,
        key=claimed.key,
        fingerprint=claimed.fingerprint,
        answer=given,
        claimed_at=clock.now(),
    )
