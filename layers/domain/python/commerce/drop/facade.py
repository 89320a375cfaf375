"""The use cases of the drop context."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from commerce.drop import events
from commerce.drop.commands import (
    AddUnits,
    CancelDrop,
    CreateDrop,
    Disqualify,
    EditDrop,
    EnterDrop,
    LotWanted,
    PublicState,
)
from commerce.drop.errors import (
    DropClosed,
    DropLocked,
    DropNotClosed,
    DropNotFound,
    DropNotSealed,
    DropOnly,
    DropOverlaps,
    EntryFinished,
    EntryNotFound,
    EntryOrdered,
    LotNotFound,
    NotYourEntry,
    OfferNotValid,
    PersonAlreadyEntered,
    UnitsPromised,
)
from commerce.drop.model import (
    SIMULATED,
    Drop,
    Entry,
    EntryStatus,
    LogKind,
    Lot,
    Stage,
    State,
    status_in,
)
from commerce.drop.promotion import end_entries
from commerce.drop.repository import DropRepository, EntryCounts
from commerce.drop.views import (
    DropView,
    EntryView,
    MadeEntryView,
    PoolEntryView,
    ProofView,
    ReportView,
    StaffDropView,
    by_status,
    drop_view,
    entry_view,
    made_entry_view,
    record_view,
    staff_view,
)
from commerce.runtime.audit import Change
from commerce.runtime.db.connection import Contention
from commerce.runtime.db.pipeline import Query
from commerce.shared import clock, cursor
from commerce.shared import etag as versions
from commerce.shared.errors import CommerceError
from commerce.shared.etag import IfMatch
from commerce.shared.pagination import newest_first
from commerce.shared.schemas import Page

OFFERED_DAYS = 7  # docs/drops.md, rule 8: units that return before have heirs
NEAR_HEAD = 100  # so many ahead, and fewer, poll every 2 s
POLL_NEAR_SECONDS, POLL_FAR_SECONDS = 2, 30  # docs/drops.md, rule 12

_FINAL = (
    EntryStatus.CANCELLED,
    EntryStatus.LAPSED,
    EntryStatus.WITHDRAWN,
    EntryStatus.DISQUALIFIED,
    EntryStatus.VOID,
)
_WITHOUT_ORDER = (EntryStatus.JOINED, EntryStatus.WAITING, EntryStatus.OFFERED)


@dataclass(frozen=True, slots=True)
class Offer:
    """A valid offer, as it was read: the order's product, and the end of its time."""

    entry_id: UUID
    user_id: UUID
    product_id: UUID
    claim_until: datetime
    coupons_allowed: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """A drop's view, with the id that pages are made by."""

    id: UUID
    view: DropView


class DropFacade:
    """Drops are prepared by staff, entered by users, and moved on by `promote` alone."""

    def __init__(self, drops: DropRepository) -> None:
        self._drops = drops

    # --- staff -----------------------------------------------------------------------------------

    def create(self, command: CreateDrop, *, verified_only: bool, by: str) -> Drop:
        """Prepare a drop. Its products exist; `verified_only` is the default of that term."""
        drop = Drop(
            id=clock.new_id(),
            mode=command.mode,
            entries_at=command.entries_at,
            draws_at=command.draws_at,
            offers_until=command.offers_until or command.draws_at + timedelta(days=OFFERED_DAYS),
            claim_minutes=command.claim_minutes,
            lots=_lots(command.lots),
            accounts_before=command.accounts_before,
            verified_only=verified_only if command.verified_only is None else command.verified_only,
            coupons_allowed=command.coupons_allowed,
        )
        self._drops.add(drop)
        self._drops.record(Change(by, "CREATE_DROP", drop.id, {}, command.model_dump(mode="json")))
        return drop

    def edit(self, drop_id: str, command: EditDrop, *, by: str, if_match: IfMatch) -> Drop:
        """Edit a draft, or move a published drop to later times.

        Raises DropNotFound, DropLocked, UnitsPromised, StaleVersion.
        """
        drop, now = self._lock_as_seen(drop_id, if_match)
        changes = command.model_dump(exclude_unset=True)
        times = [changes.get(name) or getattr(drop, name) for name in _TIMES]
        if drop.stage is Stage.DRAFT:
            _edit_draft(drop, command)
            if command.lots:
                self._drops.replace_lots(drop)
        elif set(changes) - set(_TIMES):
            _require_promised(drop, command.lots or ())
            raise DropLocked("Only the times of a published drop can be moved, to later ones.")
        else:
            drop.reschedule(now, **dict(zip(_TIMES, times, strict=True)))
        if not drop.entries_at < drop.draws_at < drop.offers_until:
            raise DropLocked("entries_at, draws_at and offers_until must be in order.")
        self._save(drop, by, "EDIT_DROP", command.model_dump(mode="json", exclude_unset=True))
        return drop

    def publish(self, drop_id: str, *, chain: str, by: str, if_match: IfMatch = None) -> Drop:
        """Fix the terms; the caller allots the units in the same transaction.

        Raises DropNotFound, DropLocked, DropOverlaps, StaleVersion.
        """
        drop, now = self._lock_as_seen(drop_id, if_match)
        drop.publish(now, chain=chain)
        if self._drops.selling([lot.product_id for lot in drop.lots]):
            raise DropOverlaps
        self._drops.require_no_drop(
            [lot.product_id for lot in drop.lots], but=drop.id, on_violation=DropOverlaps
        )
        self._save(drop, by, "PUBLISH_DROP", {"terms_hash": drop.terms_hash})
        self._drops.publish(
            events.DropPublished(
                aggregate_id=drop.id,
                aggregate_version=drop.version,
                drop_id=drop.id,
                terms_hash=drop.terms_hash or "",
                beacon_round=drop.beacon_round or 0,
                entries_at=drop.entries_at,
                draws_at=drop.draws_at,
            )
        )
        return drop

    def add_units(
        self, drop_id: str, command: AddUnits, *, by: str, if_match: IfMatch = None
    ) -> tuple[Drop, UUID]:
        """Add units to a lot; the caller allots them.

        Raises DropNotFound, LotNotFound, DropLocked, StaleVersion.
        """
        drop, now = self._lock_as_seen(drop_id, if_match)
        if drop.is_over or drop.stage is Stage.DRAFT:
            raise DropLocked("Units are added to a drop that is under way.")
        lot = _lot(drop, command.product_id)
        lot.units += command.add
        lot_id = str(lot.product_id)
        drop.log(LogKind.UNITS_ADDED, now, product_id=lot_id, add=command.add, units=lot.units)
        self._save(drop, by, "ADD_DROP_UNITS", {"product_id": lot_id, "add": command.add})
        return drop, lot.product_id

    def cancel(
        self, drop_id: str, command: CancelDrop, *, by: str, if_match: IfMatch = None
    ) -> Drop:
        """Cancel a drop: entries without an order are void, orders stand.

        The units without an order count as returned: the caller gives them to the stock. Where the
        entries are very many, most are stored as void by the steps of `promote` that follow; they
        are shown as void at once. Raises DropNotFound, DropClosed, StaleVersion.
        """
        drop, now = self._lock_as_seen(drop_id, if_match)
        if drop.is_over:
            raise DropClosed
        if drop.was_published:
            self._drops.freeze_entries(drop.id)
            self._return_free(drop)
        refusals = self._drops.refusals(drop.id)
        drop.end(Stage.CANCELLED, now, reason=command.reason, refusals=refusals)
        end_entries(self._drops, drop, now)
        self._save(drop, by, "CANCEL_DROP", {"reason": command.reason})
        self._drops.publish(
            events.DropCancelled(
                aggregate_id=drop.id,
                aggregate_version=drop.version,
                drop_id=drop.id,
                reason=command.reason,
            )
        )
        return drop

    def _return_free(self, drop: Drop) -> None:
        self._drops.lock_holders(drop.id)
        self._drops.void_offers(drop.id)
        holding = self._drops.holding(drop.id)
        for lot in drop.lots:
            kept = [
                holding.get((lot.product_id, status), 0)
                for status in (EntryStatus.ORDERED, EntryStatus.BOUGHT)
            ]
            lot.returned = lot.units - sum(kept)

    def disqualify(
        self, drop_id: str, command: Disqualify, *, by: str, if_match: IfMatch = None
    ) -> Drop:
        """Disqualify an entry, before the seal only.

        Raises DropNotFound, EntryNotFound, EntryFinished, DropLocked, StaleVersion.
        """
        drop, now = self._lock_as_seen(drop_id, if_match)
        if drop.stage is not Stage.PUBLISHED or now >= drop.draws_at:
            raise DropLocked("Entries are disqualified before the seal only.")
        id_ = cursor.parse_id(command.entry_id)
        found = self._drops.lock_entry(id_) if id_ else None
        if found is None or found[0].drop_id != drop.id:
            raise EntryNotFound("There is no such entry in this drop.")
        entry = found[0]
        if entry.status is not EntryStatus.JOINED:
            raise EntryFinished
        entry.status = EntryStatus.DISQUALIFIED
        self._drops.save_entry(entry)
        drop.log(LogKind.DISQUALIFIED, now, entry_id=str(entry.id), rule=command.rule)
        self._save(drop, by, "DISQUALIFY_ENTRY", command.model_dump())
        return drop

    # --- shoppers --------------------------------------------------------------------------------

    def list(
        self,
        *,
        limit: int,
        after: str | None,
        state: PublicState | None = None,
        with_drafts: bool = False,
    ) -> Page[DropView]:
        """Return a page of drops, newest first: those of one state, or all.

        Drafts are shown to staff only, those that were cancelled too. Raises InvalidCursor.
        """
        states = [State(state)] if state else list(State)
        return newest_first(
            f"drops:{state or 'all'}:{with_drafts}",
            after,
            limit,
            partial(self._newest, states, with_drafts),
            lambda found: found.view,
        )

    def reads_of_terms(self, drop_id: str) -> Sequence[Query]:
        """Return what `terms` will read."""
        id_ = cursor.parse_id(drop_id)
        return self._drops.reads_of_one(id_) if id_ else ()

    def terms(self, drop_id: str) -> Drop:
        """Return a published drop with its terms. Raises DropNotFound."""
        drop, _ = self._find_published(drop_id)
        return drop

    def shown(self, drop: Drop) -> DropView:
        """Return the view of a drop that this transaction has changed."""
        return self._view(drop, clock.now())

    def has_free_units(self, drop: Drop) -> bool:
        """Return whether units are on offer to who comes next, which `promote` has to make."""
        if drop.stage is not Stage.OFFERING:
            return False
        held = sum(self._drops.holding(drop.id).values())
        return held < sum(lot.units for lot in drop.lots)

    def get(self, drop_id: str) -> DropView:
        """Return a published drop. Raises DropNotFound."""
        return self._view(*self._find_published(drop_id))

    def inspect(self, drop_id: str) -> StaffDropView:
        """Return a drop as staff see it; the cost grows with its entries. Raises DropNotFound."""
        drop, now = self._find(drop_id)
        counts, pending = self._counts(drop), self._drops.pending_since(drop.id)
        return staff_view(self._view(drop, now), drop, now, counts, pending)

    def join(
        self, drop: Drop, command: EnterDrop, *, user_id: UUID, person: str
    ) -> tuple[EntryView, bool]:
        """Enter a published drop; return the user's entry, and whether it is new.

        The caller has checked that the terms admit the account. Raises LotNotFound, DropNotOpen,
        DropSealed, DropClosed, PersonAlreadyEntered, EntryFinished.
        """
        lot = _lot(drop, command.product_id)
        is_new, entry = self._drops.join(
            id_=clock.new_id(),
            drop_id=drop.id,
            product_id=lot.product_id,
            user_id=user_id,
            person=person,
        )
        if entry is None:
            changed, now = self._find(str(drop.id))
            changed.check_entry(now)
            raise Contention("the drop was entered at the moment it changed")
        if entry.user_id != user_id:
            raise PersonAlreadyEntered
        if status_in(drop, entry.status) in _FINAL:
            raise EntryFinished
        return self._entry_view(entry, drop), is_new

    def count_refusal(self, drop_id: str, *, user_id: UUID, reason: str) -> None:
        """Count an account that was refused for a reason, once, until the drop has ended."""
        if id_ := cursor.parse_id(drop_id):
            self._drops.refuse(id_, user_id, reason)

    def entry(self, drop_id: str, *, user_id: UUID) -> EntryView:
        """Return the user's entry. Raises DropNotFound, EntryNotFound."""
        drop, _ = self._find_published(drop_id)
        entry = self._drops.entry_of_user(drop.id, user_id)
        if entry is None:
            raise EntryNotFound
        return self._entry_view(entry, drop)

    def withdraw(self, drop_id: str, *, user_id: UUID) -> EntryView:
        """Withdraw the user's entry; again, nothing changes.

        Raises DropNotFound, EntryNotFound, EntryOrdered, EntryFinished.
        """
        drop, _ = self._find_published(drop_id)
        found = self._drops.lock_entry_of_user(drop.id, user_id)
        if found is None:
            raise EntryNotFound
        entry, now = found
        if entry.status in (EntryStatus.ORDERED, EntryStatus.BOUGHT):
            raise EntryOrdered
        if entry.status is EntryStatus.WITHDRAWN:
            return self._entry_view(entry, drop)
        if status_in(drop, entry.status) in _FINAL:
            raise EntryFinished
        self._end_by_withdrawal(entry, now)
        return self._entry_view(entry, drop)

    def entries(self, user_id: UUID, *, limit: int, after: str | None) -> Page[MadeEntryView]:
        """Return a page of the user's entries in all drops, newest first. Raises InvalidCursor."""
        read = partial(self._drops.entries_of_user, user_id)
        return newest_first(f"drop-entries:{user_id}", after, limit, read, made_entry_view)

    def lock_entries(self, user_id: UUID) -> None:
        """Lock the user's entries until the transaction ends, as an order by an offer does."""
        self._drops.lock_entries_of_user(user_id)

    def erase_user(self, user_id: UUID) -> None:
        """Withdraw the user's entries that have no order, and forget whose all of them were.

        Their ids stay in pools and logs, so that proofs hold. The caller has made sure that the
        user has no open order. Repeated, nothing changes.
        """
        for entry, now in self._drops.lock_entries_of_user(user_id):
            if entry.status in _WITHOUT_ORDER:
                self._end_by_withdrawal(entry, now)
        self._drops.forget_user(user_id)

    def _end_by_withdrawal(self, entry: Entry, now: datetime) -> None:
        had_offer = entry.status is EntryStatus.OFFERED
        entry.status = EntryStatus.WITHDRAWN
        if had_offer:
            self._leave(entry, now)
        else:
            is_told = entry.is_in_pool or entry.position is not None
            self._drops.save_entry(entry, left_at=now if is_told else None)

    def proof(self, drop_id: str, *, limit: int, after: str | None) -> ProofView:
        """Return a page of the proof. Raises DropNotFound, DropNotSealed, InvalidCursor."""
        drop, _ = self._find_published(drop_id)
        if drop.entries_root is None or drop.terms is None or drop.beacon_round is None:
            raise DropNotSealed
        listing = f"drop-proof:{drop.id}"
        seen = cursor.decode(listing, after, [UUID, int]) if after else [UUID(int=0), 0]
        entry_id, number = UUID(str(seen[0])), int(str(seen[1]))
        entries = self._drops.pool_page(drop.id, entry_id, limit)
        log = self._drops.log_after(drop.id, number, limit)
        has_more = len(entries) == limit or len(log) == limit
        last = str(entries[-1][0] if entries else entry_id)
        position: cursor.Position = [last, log[-1].number if log else number]
        return ProofView(
            drop_id=str(drop.id),
            terms=drop.terms,
            terms_hash=drop.terms_hash or "",
            beacon_chain=drop.beacon_chain or "",
            beacon_round=drop.beacon_round,
            is_simulated=drop.beacon_chain == SIMULATED,
            # Those of a pool that is being numbered are still incomplete.
            signature=drop.signature if drop.drawn_at else None,
            entries_count=drop.entries_count or 0,
            entries_root=drop.entries_root,
            entries=[
                PoolEntryView(entry_id=str(id_), lot=str(lot), position=place)
                for id_, lot, place in entries
            ],
            log=[record_view(each) for each in log],
            log_head=drop.log_head or "",
            next_cursor=cursor.encode(listing, position) if has_more else None,
        )

    def report(self, drop_id: str) -> ReportView:
        """Return what became of a closed drop. Raises DropNotFound, DropNotClosed."""
        drop, _ = self._find_published(drop_id)
        if not drop.is_over:
            raise DropNotClosed
        counts = by_status(self._counts(drop))
        p50, p99, longest = self._drops.free_times(drop.id)
        served = sum(lot.served for lot in drop.lots)
        bought = counts.get(EntryStatus.BOUGHT, 0)
        cancelled = counts.get(EntryStatus.CANCELLED, 0)
        units = sum(lot.units for lot in drop.lots)
        return ReportView(
            drop_id=str(drop.id),
            entries=sum(counts.values()),
            offers=served,
            bought=bought,
            lapsed=counts.get(EntryStatus.LAPSED, 0),
            cancelled=cancelled,
            passed_on=max(0, served - units),
            oversold=max(0, bought - units),
            free_seconds_p50=p50,
            free_seconds_p99=p99,
            free_seconds_max=longest,
            refusals=self._drops.refusals_of_end(drop.id),
            statuses=counts,
        )

    # --- orders ----------------------------------------------------------------------------------

    def selling(self, product_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """Return the drop that sells a product alone, by product, of those that have one."""
        return self._drops.selling(product_ids)

    def reads_of_offer(self, entry_id: str) -> Sequence[Query]:
        """Return what `offer` will read."""
        id_ = cursor.parse_id(entry_id)
        return self._drops.reads_of_entry(id_) if id_ else ()

    def offer(self, entry_id: str, *, user_id: UUID) -> Offer:
        """Return the offer of the user's entry. Raises EntryNotFound, NotYourEntry, OfferNotValid.

        It is checked again when the order is stored.
        """
        entry, now = self._find_entry(entry_id, user_id)
        if not entry.is_offered(now) or entry.claim_until is None:
            raise OfferNotValid(*_shown(entry, now), drop_id=entry.drop_id)
        drop = self._drops.of_entry(entry.id)
        return Offer(
            entry_id=entry.id,
            user_id=user_id,
            product_id=entry.product_id,
            claim_until=entry.claim_until,
            coupons_allowed=drop.coupons_allowed,
        )

    def use(self, offer: Offer, order_id: UUID, *, is_paid: bool) -> None:
        """Use an offer for an order. Raises OfferNotValid, perhaps only on commit."""
        refusal = partial(self._offer_refusal, str(offer.entry_id), offer.user_id)
        status = EntryStatus.BOUGHT if is_paid else EntryStatus.ORDERED
        self._drops.use_offer(offer.entry_id, offer.user_id, order_id, status, on_violation=refusal)

    def require_no_drop(self, product_ids: Sequence[UUID]) -> Callable[[], DropOnly | None]:
        """Have the commit prove that no drop sells these products alone; it raises DropOnly.

        Returns what makes that refusal by a fresh read, or None where no drop does.
        """

        def drop_only() -> DropOnly | None:
            found = self._drops.selling(product_ids)
            return next((DropOnly(drop_id) for drop_id in found.values()), None)

        self._drops.require_no_drop(product_ids, on_violation=drop_only)
        return drop_only

    def require_unpromised(self, product_id: UUID) -> None:
        """Have the commit prove that no drop has promised the product; it raises DropLocked."""

        def locked() -> DropLocked:
            return DropLocked(
                "A drop sells the product: price and sale are fixed until it is over."
            )

        self._drops.require_no_drop([product_id], on_violation=locked)

    def products_of(self, drop_id: UUID) -> Sequence[UUID]:
        """Return the products of a drop's lots. Raises DropNotFound."""
        drop, _ = self._find(str(drop_id))
        return [lot.product_id for lot in drop.lots]

    def drop_of(self, entry_id: UUID) -> UUID:
        """Return the drop of an entry. Raises EntryNotFound."""
        found = self._drops.find_entry(entry_id)
        if found is None:
            raise EntryNotFound
        return found[0].drop_id

    def buy(self, order_id: UUID) -> None:
        """Mark the entry's unit as bought: its order is confirmed."""
        entry, _ = self._entry_of(order_id)
        if entry.status is EntryStatus.ORDERED:
            entry.status = EntryStatus.BOUGHT
            self._drops.save_entry(entry)

    def release(self, order_id: UUID) -> None:
        """Release the unit of an order that was cancelled.

        An order that was not paid gives the entry its offer back while that is valid; otherwise
        the unit goes to an heir, or to the stock once the drop is over.
        """
        entry, now = self._entry_of(order_id)
        if entry.status is EntryStatus.BOUGHT:
            entry.status = EntryStatus.CANCELLED
            self._leave(entry, now)
        elif entry.status is EntryStatus.ORDERED:
            entry.status, entry.order_id = EntryStatus.OFFERED, None
            drop, _ = self._find(str(entry.drop_id))
            if entry.is_offered(now) and not drop.is_over:
                self._drops.save_entry(entry)
            else:
                entry.status = EntryStatus.LAPSED
                self._leave(entry, now)

    # --- reading ---------------------------------------------------------------------------------

    def _find(self, drop_id: str) -> tuple[Drop, datetime]:
        id_ = cursor.parse_id(drop_id)
        found = self._drops.find(id_) if id_ else None
        if found is None:
            raise DropNotFound
        return found

    def _find_published(self, drop_id: str) -> tuple[Drop, datetime]:
        """Find a drop that anybody may see: no draft, and none that was cancelled as a draft."""
        drop, now = self._find(drop_id)
        if not drop.was_published:
            raise DropNotFound
        return drop, now

    def _lock(self, drop_id: str) -> tuple[Drop, datetime]:
        id_ = cursor.parse_id(drop_id)
        found = self._drops.lock(id_) if id_ else None
        if found is None:
            raise DropNotFound
        return found

    def _lock_as_seen(self, drop_id: str, if_match: IfMatch) -> tuple[Drop, datetime]:
        drop, now = self._lock(drop_id)
        versions.require_seen([drop.version], if_match, None)
        return drop, now

    def _find_entry(self, entry_id: str, user_id: UUID) -> tuple[Entry, datetime]:
        id_ = cursor.parse_id(entry_id)
        found = self._drops.find_entry(id_) if id_ else None
        if found is None:
            raise EntryNotFound
        if found[0].user_id != user_id:
            raise NotYourEntry
        return found

    def _entry_of(self, order_id: UUID) -> tuple[Entry, datetime]:
        found = self._drops.lock_entry_of_order(order_id)
        if found is None:
            raise ValueError(f"no entry has the order {order_id}")
        return found

    def _leave(self, entry: Entry, now: datetime) -> None:
        """Store that an entry's unit is free. Its event wakes `promote`, which finds an heir."""
        self._drops.save_entry(entry, left_at=now)
        self._drops.publish(
            events.OfferReleased(
                aggregate_id=entry.id,
                aggregate_version=entry.version,
                drop_id=entry.drop_id,
                entry_id=entry.id,
                product_id=entry.product_id,
            )
        )

    def _offer_refusal(self, entry_id: str, user_id: UUID) -> CommerceError | None:
        entry, now = self._find_entry(entry_id, user_id)
        return (
            None
            if entry.is_offered(now)
            else OfferNotValid(*_shown(entry, now), drop_id=entry.drop_id)
        )

    def _save(self, drop: Drop, by: str, action: str, after: dict[str, object]) -> None:
        self._drops.save(drop)
        self._drops.record(Change(by, action, drop.id, {}, after))

    def _newest(
        self,
        states: Sequence[State],
        with_drafts: bool,  # noqa: FBT001  (bound by `partial`)
        before: UUID,
        limit: int,
    ) -> Sequence[_Found]:
        found = self._drops.newest(states, before, limit, with_drafts=with_drafts)
        entry_counts = self._drops.entry_counts([drop for drop, _ in found]) if found else {}
        return [_Found(drop.id, _view(drop, now, entry_counts[drop.id])) for drop, now in found]

    def _counts(self, drop: Drop) -> Counter[tuple[UUID, EntryStatus]]:
        counts: Counter[tuple[UUID, EntryStatus]] = Counter()
        for (lot_id, status), entries in self._drops.counts(drop.id).items():
            counts[lot_id, status_in(drop, status)] += entries
        return counts

    def _view(self, drop: Drop, now: datetime) -> DropView:
        return _view(drop, now, self._drops.entry_counts([drop])[drop.id])

    def _entry_view(self, entry: Entry, drop: Drop) -> EntryView:
        is_waiting = status_in(drop, entry.status) is EntryStatus.WAITING
        ahead = self._drops.ahead(entry) if is_waiting else None
        is_near = ahead is None or ahead < NEAR_HEAD
        wait = POLL_NEAR_SECONDS if is_near else POLL_FAR_SECONDS
        return entry_view(
            entry,
            drop,
            ahead=ahead,
            poll_after_seconds=wait + random.randrange(wait // 2 + 1),  # noqa: S311  (jitter)
        )


_TIMES = ("entries_at", "draws_at", "offers_until")


def _view(drop: Drop, now: datetime, counts: EntryCounts) -> DropView:
    entries = {
        lot.product_id: lot.numbered + counts.unnumbered.get(lot.product_id, 0) for lot in drop.lots
    }
    return drop_view(drop, now, entries, counts.holding)


def _shown(entry: Entry, now: datetime) -> tuple[str, datetime | None]:
    # An offer that is over but not swept yet is over.
    is_over = entry.status is EntryStatus.OFFERED and not entry.is_offered(now)
    return (EntryStatus.LAPSED if is_over else entry.status).value, entry.claim_until


def _lot(drop: Drop, product_id: str | None) -> Lot:
    if product_id is None and len(drop.lots) == 1:
        return drop.lots[0]
    for lot in drop.lots:
        if product_id is not None and str(lot.product_id) == product_id.lower():
            return lot
    raise LotNotFound


def _require_promised(drop: Drop, wanted: Sequence[LotWanted]) -> None:
    promised = {str(lot.product_id): lot.units for lot in drop.lots}
    for lot in wanted:
        units = promised.get(lot.product_id.lower(), 0)
        if lot.units < units:
            raise UnitsPromised(UUID(lot.product_id), promised=units, requested=lot.units)


def _lots(wanted: Sequence[LotWanted]) -> list[Lot]:
    return [Lot(UUID(lot.product_id), lot.units) for lot in wanted]


def _edit_draft(drop: Drop, command: EditDrop) -> None:
    for name, value in command.model_dump(exclude_unset=True, exclude={"lots"}).items():
        if value is not None:
            setattr(drop, name, value)
    if command.lots:
        drop.lots = _lots(command.lots)
