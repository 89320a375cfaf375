"""Drops across contexts: units are allotted, entrants admitted, and drops moved on.

The beacon is asked between transactions, never inside one.
"""

import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.drop import Draw, Step
from commerce.drop.beacon import Beacon, BeaconUnreachable, HttpBeacon
from commerce.runtime import settings
from commerce.runtime.metrics import count
from commerce.shared import clock

MAX_STEPS = 1_000  # of one run, each a transaction; the next run goes on

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Promoted:
    """The result of a run over some drops."""

    numbered: int = 0
    offered: int = 0
    lapsed: int = 0
    awaiting_beacon: int = 0
    failed: int = 0
    wake_at: dict[UUID, datetime] = field(default_factory=dict)
    """When a drop has something to do next, as far as it is known."""


def promote(drop_ids: Sequence[UUID] | None = None) -> Promoted:
    """Move drops on: seal, draw, lapse, offer, close. All that are under way, where none is named.

    Each step is a transaction. A drop whose beacon is unreachable stays SEALED and is tried again;
    a drop that fails does not stop the others.
    """
    done = Promoted()
    for drop_id in in_transaction(_under_way) if drop_ids is None else drop_ids:
        try:
            _promote(drop_id, done)
        except BeaconUnreachable:
            logger.warning("the beacon does not answer; drop %s waits", drop_id, exc_info=True)
            count("BeaconUnreachable")
            done.awaiting_beacon += 1
        except Exception:
            logger.exception("drop %s was not promoted; the run goes on", drop_id)
            count("DropPromotionFailed")
            done.failed += 1
    return done


def _promote(drop_id: UUID, done: Promoted) -> None:
    for _ in range(MAX_STEPS):
        step = in_transaction(_step, drop_id)
        if step.awaits is not None:
            if clock.now() < step.awaits.at:
                done.wake_at[drop_id] = step.awaits.at
                return
            signature = beacon().signature(step.awaits.chain, step.awaits.round)
            step = in_transaction(_take_round, step.awaits, signature)
        done.numbered += step.numbered
        done.offered += step.offered
        done.lapsed += step.lapsed
        if step.wake_at is not None:
            done.wake_at[drop_id] = step.wake_at
        if not step.has_more:
            return


def beacon() -> Beacon:
    """Return the client of the relays at BEACON_URLS."""
    return _beacon(settings.text("BEACON_URLS"))


def person_of(email: str) -> str:
    """Return the keyed hash by which a person enters a drop once, from their e-mail address."""
    normalised = email.strip().casefold().encode()
    return hmac.new(settings.text("FINGERPRINT_KEY").encode(), normalised, "sha256").hexdigest()


@cache
def _beacon(urls: str) -> HttpBeacon:
    return HttpBeacon([settings.outside(url) for url in urls.split(",")])


def _under_way(shop: Shop) -> Sequence[UUID]:
    return shop.drop_promotion.under_way()


def _step(shop: Shop, drop_id: UUID) -> Step:
    return shop.drop_promotion.step(drop_id)


def _take_round(shop: Shop, awaited: Draw, signature: str) -> Step:
    return shop.drop_promotion.take_round(awaited, signature)
