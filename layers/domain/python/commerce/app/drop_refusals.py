"""Refusals of entries and purchases, counted for the drop's report.

An account counts once per drop and reason, however often it tries: so the counts say how many were
refused, a program that tries again and again writes nothing, and no counter is a row that all wait
for. What is refused is answered as it is, whether or not it could be counted.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from commerce.app.transactions import in_transaction
from commerce.drop import (
    DropClosed,
    DropFacade,
    DropNotOpen,
    DropOnly,
    DropSealed,
    EntryFinished,
    NotEligible,
    OfferNotValid,
    PersonAlreadyEntered,
)
from commerce.shared.errors import CommerceError

_OF_ENTRIES = (
    DropNotOpen, DropSealed, DropClosed, NotEligible, PersonAlreadyEntered, EntryFinished,
)  # fmt: skip

logger = logging.getLogger(__name__)


@contextmanager
def entries_refused(drop_id: str, *, user_id: UUID) -> Iterator[None]:
    """Count the refusal of an entry that the block raises."""
    try:
        yield
    except _OF_ENTRIES as refusal:
        _count(drop_id, refusal, user_id)
        raise


@contextmanager
def purchases_refused(*, user_id: UUID) -> Iterator[None]:
    """Count the refusal of a purchase, by a drop or beside one, that the block raises."""
    try:
        yield
    except (DropOnly, OfferNotValid) as refusal:
        if refusal.drop_id is not None:
            _count(str(refusal.drop_id), refusal, user_id)
        raise


def _count(drop_id: str, refusal: CommerceError, user_id: UUID) -> None:
    reason = str(refusal.facts.get("reason", ""))
    named = f"{refusal.code}: {reason}" if reason else refusal.code
    try:
        in_transaction(DropFacade.count_refusal, drop_id, user_id=user_id, reason=named)
    except Exception:
        logger.warning("a refusal of drop %s was not counted", drop_id, exc_info=True)
