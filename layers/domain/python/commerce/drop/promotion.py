"""Promotion: what moves a drop on. One writer at a time, under the lock of the drop's row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from commerce.drop import events
from commerce.drop.draw import roots_of_parts
from commerce.drop.errors import DropNotFound
from commerce.drop.model import Drop, EntryStatus, LogKind, Lot, Stage, offers_of, round_time
from commerce.drop.repository import Changed, DropRepository
from commerce.drop.views import Counts

OFFERS_PER_STEP = 500  # offers, or positions, given in one transaction
# Entries that one statement of seal or end changes; a withdrawal of one of them waits for it.
PART = 25_000
# Entries that one statement of a draw places. It locks none of them, but computes the hashes of all
# that have no place yet.
DRAW_PART = 125_000


@dataclass(frozen=True, slots=True)
class Draw:
    """A sealed drop that awaits its round, which is published at `at`."""

    drop_id: UUID
    chain: str
    round: int
    at: datetime


@dataclass(slots=True)
class Step:
    """The result of one transaction of promote."""

    lapsed: int = 0
    numbered: int = 0
    offered: int = 0
    returned: dict[UUID, int] = field(default_factory=dict)
    """Units that went back to the products' stock, by product."""
    has_more: bool = False
    awaits: Draw | None = None
    wake_at: datetime | None = None
    """When there will be something to do next."""
    marked_until: datetime | None = None
    """When the last entry joined that this step has marked as the pool's."""


class DropPromotion:
    """Seals, draws, offers and closes; repeated or raced, each thing happens once."""

    def __init__(self, drops: DropRepository) -> None:
        self._drops = drops

    def under_way(self) -> Sequence[UUID]:
        """Return the ids of the drops that may have something to do."""
        return self._drops.under_way()

    def step(self, drop_id: UUID, marked_until: datetime | None = None) -> Step:
        """Do what is due now, in this transaction: seal, lapse, number, offer, close, give back.

        The caller gives `returned` units back to the stock in the same transaction, and calls again
        while `has_more`, with `marked_until` of this step: a large pool is then marked in linear
        time. Where the drop `awaits` its round, `take_round` goes on.
        """
        drop, now = self._lock(drop_id)
        if not drop.was_published:
            return Step()
        if drop.stage is Stage.PUBLISHED and now < drop.draws_at:
            return Step(wake_at=drop.draws_at)
        if drop.stage is Stage.PUBLISHED:
            marked_until = self._mark_pool(drop, marked_until)
            if marked_until is not None:
                return Step(has_more=True, marked_until=marked_until)
            self._seal(drop, now)
        if drop.stage is Stage.SEALED and drop.signature is None:
            return Step(awaits=_awaited(drop))
        if drop.stage is Stage.SEALED:
            return self._draw(drop, now)
        if drop.is_ending:
            return self._end(drop, now)
        return self._offer(drop, now)

    def take_round(self, awaited: Draw, signature: str) -> Step:
        """Draw with the beacon's signature of the awaited round, unless it was drawn meanwhile.

        A pool of more than DRAW_PART entries is numbered by the steps that follow.
        """
        drop, now = self._lock(awaited.drop_id)
        is_awaited = drop.stage is Stage.SEALED and drop.beacon_round == awaited.round
        if not is_awaited or drop.signature is not None:
            return Step(has_more=True)
        drop.signature = signature
        return self._draw(drop, now)

    def _mark_pool(self, drop: Drop, marked_until: datetime | None) -> datetime | None:
        if marked_until is not None:
            marked_until = self._drops.mark_pool(drop.id, PART, joined_from=marked_until)
        # The last look is at all, as a server's clock may have been set back between two joins.
        return marked_until or self._drops.mark_pool(drop.id, PART)

    def _draw(self, drop: Drop, now: datetime) -> Step:
        """Give a part of the pool its positions; open the offers once all have theirs."""
        numbered = self._drops.number_pool(drop.id, drop.seed, DRAW_PART)
        for lot_id, entries in numbered.items():
            drop.lot(lot_id).numbered += entries
        placed = sum(numbered.values())
        if placed < DRAW_PART:
            drop.open_offers(now)
            self._drops.publish(
                events.DropDrawn(
                    aggregate_id=drop.id,
                    aggregate_version=drop.version + 1,
                    drop_id=drop.id,
                    signature=drop.signature or "",
                )
            )
        self._drops.save(drop)
        return Step(numbered=placed, has_more=True)

    def _seal(self, drop: Drop, now: datetime) -> None:
        root, lots_root = roots_of_parts(self._drops.pool_parts(drop.id, PART))
        drop.seal(now, pool=self._drops.pool_sizes(drop.id), root=root, lots_root=lots_root)
        self._drops.save(drop)
        self._drops.publish(
            events.DropSealed(
                aggregate_id=drop.id,
                aggregate_version=drop.version,
                drop_id=drop.id,
                entries_count=drop.entries_count or 0,
                entries_root=root,
                beacon_round=drop.beacon_round or 0,
                sealed_at=now,
            )
        )

    def _end(self, drop: Drop, now: datetime) -> Step:
        end_entries(self._drops, drop, now)
        if not drop.is_ending:
            self._drops.save(drop)
        return Step(has_more=True)

    def _offer(self, drop: Drop, now: datetime) -> Step:
        step, before = Step(), drop.log_number
        if drop.stage is Stage.OFFERING and now >= drop.last_offer_at:
            self._drops.freeze_entries(drop.id)  # before the entries, as a join locks them
        lapsed = self._drops.lapse(drop.id, OFFERS_PER_STEP)
        step.lapsed = len(lapsed)
        step.has_more |= step.lapsed == OFFERS_PER_STEP
        self._drops.publish(*(_released(drop.id, each) for each in lapsed))
        self._log_left(drop, now, step)
        if drop.stage is Stage.OFFERING and now < drop.last_offer_at:
            self._number_late(drop, now, step)
            self._offer_free(drop, now, step)
        holding = self._drops.holding(drop.id)
        open_ = sum(
            count
            for (_, status), count in holding.items()
            if status in (EntryStatus.OFFERED, EntryStatus.ORDERED)
        )
        if drop.stage is Stage.OFFERING and now >= drop.last_offer_at and not open_:
            self._close(drop, now, step)
        if drop.is_over:
            for lot in drop.lots:
                back = lot.units - lot.returned - _held(holding, lot)
                if back > 0:
                    lot.returned += back
                    step.returned[lot.product_id] = back
        if drop.log_number > before or step.returned:
            self._drops.save(drop)
        return step

    def _close(self, drop: Drop, now: datetime, step: Step) -> None:
        if self._drops.void(drop.id, PART):  # nobody enters any more, so some step finds the last
            step.has_more = True
            return
        drop.end(Stage.CLOSED, now, refusals=self._drops.refusals(drop.id))
        self._drops.publish(
            events.DropClosed(
                aggregate_id=drop.id, aggregate_version=drop.version + 1, drop_id=drop.id
            )
        )

    def _log_left(self, drop: Drop, now: datetime, step: Step) -> None:
        found = self._drops.log_left(drop.id, OFFERS_PER_STEP)
        step.has_more |= sum(len(left.ids) for left in found) == OFFERS_PER_STEP
        for left in found:
            is_withdrawn = left.status is EntryStatus.WITHDRAWN
            kind = LogKind.WITHDRAWN if is_withdrawn else LogKind.RELEASED
            entries = offers_of({left.lot_id: left.ids})
            drop.log(kind, now, reason=left.status.value, entries=entries)

    def _number_late(self, drop: Drop, now: datetime, step: Step) -> None:
        numbered = self._drops.number_late(drop, OFFERS_PER_STEP)
        for lot_id, (_, last) in numbered.items():
            drop.lot(lot_id).numbered = last
        step.numbered = sum(len(ids) for ids, _ in numbered.values())
        step.has_more |= step.numbered == OFFERS_PER_STEP
        if numbered:
            ids_by_lot = {lot_id: ids for lot_id, (ids, _) in numbered.items()}
            drop.log(LogKind.NUMBERED, now, by="arrival", entries=offers_of(ids_by_lot))

    def _offer_free(self, drop: Drop, now: datetime, step: Step) -> None:
        holding = self._drops.holding(drop.id)
        for lot in drop.lots:
            free = lot.units - _held(holding, lot)
            if free <= 0:
                continue
            offered = self._drops.offer(drop, lot, min(free, OFFERS_PER_STEP))
            if not offered:
                continue
            lot.served = offered[-1].position
            step.offered += len(offered)
            step.has_more |= len(offered) < free
            until = min(each.claim_until for each in offered)
            step.wake_at = min(step.wake_at or until, until)
            drop.log(
                LogKind.OFFERED, now, entries=offers_of({lot.product_id: [o.id for o in offered]})
            )
            self._drops.publish(
                *(
                    events.OfferMade(
                        aggregate_id=each.id,
                        aggregate_version=each.version,
                        drop_id=drop.id,
                        entry_id=each.id,
                        product_id=lot.product_id,
                        user_id=each.user_id,
                        claim_until=each.claim_until,
                    )
                    for each in offered
                )
            )

    def _lock(self, drop_id: UUID) -> tuple[Drop, datetime]:
        found = self._drops.lock(drop_id)
        if found is None:
            raise DropNotFound
        return found


def end_entries(drops: DropRepository, drop: Drop, now: datetime) -> None:
    """Store a part of a cancelled drop's entries as void; it has ended where that was the last.

    Nobody enters it any more, so some step finds the last. The caller saves the drop.
    """
    if not drops.void(drop.id, PART):
        drop.ended_at = now


def _held(holding: Counts, lot: Lot) -> int:
    return sum(count for (lot_id, _), count in holding.items() if lot_id == lot.product_id)


def _awaited(drop: Drop) -> Draw:
    number = drop.beacon_round or 0
    return Draw(drop.id, drop.beacon_chain or "", number, round_time(number))


def _released(drop_id: UUID, lapsed: Changed) -> events.OfferReleased:
    return events.OfferReleased(
        aggregate_id=lapsed.id,
        aggregate_version=lapsed.version,
        drop_id=drop_id,
        entry_id=lapsed.id,
        product_id=lapsed.product_id,
    )
