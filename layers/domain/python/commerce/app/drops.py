"""Drops across contexts: units are allotted, entrants admitted, and drops moved on.

The beacon is asked between transactions, never inside one.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

from commerce.app.drop_refusals import entries_refused
from commerce.app.identities import person_of
from commerce.app.shop import Shop
from commerce.app.transactions import in_transaction
from commerce.drop import (
    QUICKNET,
    SIMULATED,
    AddUnits,
    CancelDrop,
    CreateDrop,
    Disqualify,
    Draw,
    Drop,
    DropPromotion,
    DropView,
    EditDrop,
    EnterDrop,
    EntryView,
    NotEligible,
    Step,
)
from commerce.drop.beacon import Beacon, BeaconUnreachable, HttpBeacon
from commerce.product import ProductNotFound
from commerce.runtime import settings
from commerce.runtime.aws import client
from commerce.runtime.metrics import count
from commerce.shared import clock
from commerce.shared.etag import IfMatch
from commerce.user import Entrant

MAX_STEPS = 1_000  # of one drop in one run, each a transaction; the next run goes on
LONGEST_DELAY_SECONDS = 900  # of an SQS message; the schedule sets a new timer until then

logger = logging.getLogger(__name__)


# --- staff ---------------------------------------------------------------------------------------


def create_drop(shop: Shop, command: CreateDrop, *, by: str) -> DropView:
    """Prepare a drop of products that exist. Raises ProductNotFound."""
    _check_products(shop, [lot.product_id for lot in command.lots])
    drop = shop.drops.create(command, verified_only=_is_production(), by=by)
    return shop.drops.shown(drop)


def edit_drop(
    shop: Shop, drop_id: str, command: EditDrop, *, by: str, if_match: IfMatch
) -> DropView:
    """Edit a draft, or move a published drop to later times.

    Raises DropNotFound, DropLocked, ProductNotFound, StaleVersion.
    """
    _check_products(shop, [lot.product_id for lot in command.lots or ()])
    return shop.drops.shown(shop.drops.edit(drop_id, command, by=by, if_match=if_match))


def publish_drop(shop: Shop, drop_id: str, *, by: str, if_match: IfMatch) -> DropView:
    """Publish a drop: its terms are fixed, and its units leave the products' available stock.

    Raises DropNotFound, DropLocked, DropOverlaps, OutOfStock, StaleVersion.
    """
    drop = shop.drops.publish(drop_id, chain=_chain(), by=by, if_match=if_match)
    for lot in drop.lots:
        shop.stock.allot(lot.product_id, lot.units, drop_id=drop.id, by=by)
    return shop.drops.shown(drop)


def add_units(
    shop: Shop, drop_id: str, command: AddUnits, *, by: str, if_match: IfMatch
) -> DropView:
    """Add units of the product's available stock to a drop.

    Raises DropNotFound, LotNotFound, DropLocked, OutOfStock, StaleVersion.
    """
    drop, product_id = shop.drops.add_units(drop_id, command, by=by, if_match=if_match)
    shop.stock.allot(product_id, command.add, drop_id=drop.id, by=by)
    return shop.drops.shown(drop)


def cancel_drop(
    shop: Shop, drop_id: str, command: CancelDrop, *, by: str, if_match: IfMatch
) -> DropView:
    """Cancel a drop; units without an order go back to the stock.

    Raises DropNotFound, DropClosed, StaleVersion.
    """
    drop = shop.drops.cancel(drop_id, command, by=by, if_match=if_match)
    if returned := {lot.product_id: lot.returned for lot in drop.lots if lot.returned}:
        shop.stock.return_allotted(returned, drop_id=drop.id, by=by)
    return shop.drops.shown(drop)


def disqualify_entry(
    shop: Shop, drop_id: str, command: Disqualify, *, by: str, if_match: IfMatch
) -> DropView:
    """Disqualify an entry before the seal. Raises DropNotFound, EntryNotFound, DropLocked."""
    return shop.drops.shown(shop.drops.disqualify(drop_id, command, by=by, if_match=if_match))


# --- shoppers ------------------------------------------------------------------------------------


def enter_drop(drop_id: str, command: EnterDrop, *, user_id: UUID) -> tuple[EntryView, bool]:
    """Enter a drop; return the user's entry, and whether it is new.

    Raises DropNotFound, LotNotFound, DropNotOpen, DropSealed, DropClosed, NotEligible,
    PersonAlreadyEntered, EntryFinished.
    """
    with entries_refused(drop_id, user_id=user_id):
        entry, is_new, is_due = in_transaction(_enter, drop_id, command, user_id)
    if is_due:
        nudge()
    return entry, is_new


def _enter(
    shop: Shop, drop_id: str, command: EnterDrop, user_id: UUID
) -> tuple[EntryView, bool, bool]:
    shop.read_ahead(*shop.users.reads_of_entrant(user_id), *shop.drops.reads_of_terms(drop_id))
    entrant, drop = shop.users.entrant(user_id), shop.drops.terms(drop_id)
    _check_eligible(drop, entrant)
    person = person_of(user_id, entrant.email)
    if person is None:
        raise NotEligible("The shop does not know the person of this account.")
    entry, is_new = shop.drops.join(drop, command, user_id=user_id, person=person)
    return entry, is_new, is_new and shop.drops.has_free_units(drop)


def _check_eligible(drop: Drop, entrant: Entrant) -> None:
    if entrant.is_staff:
        raise NotEligible("Staff do not enter drops.")
    if drop.accounts_before is not None and entrant.created_at >= drop.accounts_before:
        raise NotEligible("The account was made too late for this drop.")
    if drop.verified_only and not entrant.is_email_verified:
        raise NotEligible("The e-mail address is not verified.")


# --- promote -------------------------------------------------------------------------------------


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


def promote() -> Promoted:
    """Move every drop on that is under way: seal, draw, lapse, offer, close; then set a timer.

    Each step is a transaction. A drop whose beacon is unreachable stays SEALED and is tried again;
    a drop that fails does not stop the others.
    """
    done = Promoted()
    for drop_id in in_transaction(DropPromotion.under_way):
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
    if done.wake_at:
        nudge(at=min(done.wake_at.values()))
    return done


def nudge(at: datetime | None = None) -> None:
    """Wake `promote`, now or at a moment; if that fails, its schedule comes within a minute."""
    wait = (at - clock.now()).total_seconds() if at else 0
    if wait > LONGEST_DELAY_SECONDS:
        return
    try:
        client("sqs", attempts=1, answer_within_seconds=1).send_message(
            QueueUrl=settings.text("DROP_QUEUE_URL"),
            MessageBody="{}",
            DelaySeconds=max(0, int(wait) + 1 if at else 0),
        )
    except Exception:
        logger.warning("promote was not nudged; its schedule will come", exc_info=True)


def beacon() -> Beacon:
    """Return the client of the relays at BEACON_URLS."""
    return _beacon(settings.text("BEACON_URLS"))


@cache
def _beacon(urls: str) -> HttpBeacon:
    return HttpBeacon([settings.outside(url) for url in urls.split(",")])


def _promote(drop_id: UUID, done: Promoted) -> None:
    step = Step()
    for _ in range(MAX_STEPS):
        step = in_transaction(_step, drop_id, step.marked_until)
        if step.awaits is not None:
            if clock.now() < step.awaits.at:
                done.wake_at[drop_id] = step.awaits.at
                return
            step = _draw(step.awaits)
        done.numbered += step.numbered
        done.offered += step.offered
        done.lapsed += step.lapsed
        if step.wake_at is not None:
            done.wake_at[drop_id] = step.wake_at
        if not step.has_more:
            return


def _draw(awaited: Draw) -> Step:
    signature = beacon().signature(awaited.chain, awaited.round)
    return in_transaction(DropPromotion.take_round, awaited, signature)


def _step(shop: Shop, drop_id: UUID, marked_until: datetime | None = None) -> Step:
    step = shop.drop_promotion.step(drop_id, marked_until)
    if step.returned:
        shop.stock.return_allotted(step.returned, drop_id=drop_id, by="system")
    return step


def _chain() -> str:
    """Return the beacon's chain. Raises Missing where production would draw with a simulator."""
    chain = settings.text("BEACON_CHAIN", QUICKNET)
    if chain == SIMULATED and _is_production():
        raise settings.Missing("BEACON_CHAIN must be a public beacon's in production")
    return chain


def _is_production() -> bool:
    return settings.is_production()


def _check_products(shop: Shop, product_ids: Sequence[str]) -> None:
    known = {str(each.id) for each in shop.products.summaries(product_ids)}
    if missing := [id_ for id_ in product_ids if id_.lower() not in known]:
        raise ProductNotFound(missing)
