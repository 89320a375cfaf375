"""Drops, their entries and their logs in PostgreSQL."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from commerce.drop.draw import canonical_json
from commerce.drop.model import (
    Drop,
    Entry,
    EntryStatus,
    LogKind,
    LogRecord,
    Lot,
    Mode,
    Stage,
    State,
)
from commerce.runtime import audit
from commerce.runtime.audit import Change
from commerce.runtime.db.pipeline import Query, Row
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import ErrorFactory, UnitOfWork
from commerce.shared import clock
from commerce.shared.events import Event

if TYPE_CHECKING:
    from commerce.drop import statements as sql
else:
    sql = precompiled("commerce.drop.statements")

_SAVED = (
    "entries_at", "draws_at", "offers_until", "claim_minutes", "accounts_before", "verified_only",
    "coupons_allowed", "terms", "terms_hash", "beacon_chain", "beacon_round", "sealed_at",
    "entries_count", "entries_root", "signature", "drawn_at", "ended_at", "log_number", "log_head",
)  # fmt: skip


OFFER_TRIES = 3
"""An offer that finds no one is tried again so often: each try sees who has left by then."""


class EntryCounts(NamedTuple):
    """The entries of a drop: joined without a position by lot, holding a unit by lot and status."""

    unnumbered: dict[UUID, int]
    holding: dict[tuple[UUID, EntryStatus], int]


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry that one statement changed with others."""

    id: UUID
    product_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Left:
    """Entries of one lot that left with the same status, with a unit on offer or without."""

    lot_id: UUID
    status: EntryStatus
    had_offer: bool
    ids: list[UUID]


@dataclass(frozen=True, slots=True)
class Offered:
    """An entry that was offered a unit."""

    id: UUID
    user_id: UUID
    position: int
    claim_until: datetime
    version: int


class DropRepository:
    """Stores drops on a unit of work. What must be one step is one statement of PostgreSQL's."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    # --- drops -----------------------------------------------------------------------------------

    def add(self, drop: Drop) -> None:
        """Store a new drop with its lots."""
        self._uow.write(
            sql.ADD(
                id=drop.id,
                state=drop.stage.value,
                mode=drop.mode.value,
                entries_at=drop.entries_at,
                draws_at=drop.draws_at,
                offers_until=drop.offers_until,
                claim_minutes=drop.claim_minutes,
                accounts_before=drop.accounts_before,
                verified_only=drop.verified_only,
                coupons_allowed=drop.coupons_allowed,
                version=drop.version,
            )
        )
        self._add_lots(drop)

    def replace_lots(self, drop: Drop) -> None:
        """Store the lots of a draft in place of those that it had."""
        self._uow.write(sql.DELETE_LOTS(drop_id=drop.id))
        self._add_lots(drop)

    def _add_lots(self, drop: Drop) -> None:
        rows = [
            {"drop_id": str(drop.id), "product_id": str(lot.product_id), "units": lot.units}
            for lot in drop.lots
        ]
        self._uow.write(sql.ADD_LOTS(rows=rows))

    def reads_of_one(self, id_: UUID) -> Sequence[Query]:
        """Return what `find` will read."""
        return [sql.FIND(id=id_)]

    def find(self, id_: UUID) -> tuple[Drop, datetime] | None:
        """Return a drop and the database's time, or None."""
        [query] = self.reads_of_one(id_)
        return _first(self._uow.read(query))

    def lock(self, id_: UUID) -> tuple[Drop, datetime] | None:
        """Return a drop, locked FOR UPDATE, and the database's time once it was locked.

        From then on, a statement of the transaction may take 9 s.
        """
        locked = self._uow.lock_together(sql.LOCK(id=id_), sql.MORE_TIME(), sql.FIND(id=id_))
        return _first(locked[-1])

    def newest(
        self, states: Sequence[State], before: UUID, limit: int, *, with_drafts: bool
    ) -> list[tuple[Drop, datetime]]:
        """Return drops in one of these states, below the id `before`, newest first.

        Those that were never published are among them only `with_drafts`.
        """
        query = sql.NEWEST(
            states=[each.value for each in states],
            before=before,
            limit=limit,
            with_drafts=with_drafts,
        )
        return [_drop(row) for row in self._uow.read(query)]

    def under_way(self) -> list[UUID]:
        """Return the ids of drops that may have something to do."""
        return [row.id for row in self._uow.read(sql.UNDER_WAY())]

    def selling(self, product_ids: Sequence[UUID]) -> dict[UUID, UUID]:
        """Return the drop that sells a product alone, by product, of those that have one."""
        found = self._uow.read(sql.OF_PRODUCTS(product_ids=list(product_ids)))
        return {row.product_id: row.id for row in found}

    def save(self, drop: Drop, *, on_stale: ErrorFactory = lambda: None) -> None:
        """Store a changed drop with its lots and new log records."""
        values: dict[str, Any] = {f"new_{name}": getattr(drop, name) for name in _SAVED}
        self._uow.write(
            sql.SAVE(
                row_id=drop.id,
                version_read=drop.version,
                new_version=drop.version + 1,
                new_state=drop.stage.value,
                **values,
            ),
            {"drop_as_read": on_stale},
        )
        drop.version += 1
        for lot in drop.lots:
            self._uow.write(
                sql.SAVE_LOT(
                    drop_id=drop.id,
                    lot_id=lot.product_id,
                    new_units=lot.units,
                    new_returned=lot.returned,
                    new_numbered=lot.numbered,
                    new_served=lot.served,
                )
            )
        if drop.unsaved:
            self._uow.write(sql.ADD_LOG(rows=[_log_row(drop.id, each) for each in drop.unsaved]))
            drop.unsaved.clear()

    def record(self, change: Change) -> None:
        """Record a change by staff in the audit."""
        audit.record(self._uow, change)

    def publish(self, *events: Event) -> None:
        """Record events."""
        self._uow.record(*events)

    def log_after(self, id_: UUID, number: int, limit: int) -> list[LogRecord]:
        """Return the log's records after a number, in order."""
        return [
            LogRecord(row.number, row.at, LogKind(row.kind), json.loads(row.data), row.hash)
            for row in self._uow.read(sql.LOG(drop_id=id_, after=number, limit=limit))
        ]

    def counts(self, id_: UUID) -> dict[tuple[UUID, EntryStatus], int]:
        """Count all entries by lot and status; the cost grows with the entries."""
        return _counts(self._uow.read(sql.COUNTS(drop_id=id_)))

    def holding(self, id_: UUID) -> dict[tuple[UUID, EntryStatus], int]:
        """Count the entries that hold a unit, by lot and status."""
        return _counts(self._uow.read(sql.HOLDING(drop_ids=[id_])))

    def entry_counts(self, drops: Collection[Drop]) -> dict[UUID, EntryCounts]:
        """Count the entries of each drop that its view shows, in one round trip."""
        drawn = [each.id for each in drops if each.stage is Stage.OFFERING]
        undrawn = [each.id for each in drops if each.id not in drawn and not each.is_over]
        holding, *unnumbered = self._uow.read_together(
            sql.HOLDING(drop_ids=[each.id for each in drops]),
            *([sql.UNNUMBERED(drop_ids=undrawn)] if undrawn else []),
            *([sql.UNNUMBERED_LATE(drop_ids=drawn)] if drawn else []),
        )
        found = {each.id: EntryCounts({}, {}) for each in drops}
        for row in chain.from_iterable(unnumbered):
            found[row.drop_id].unnumbered[row.product_id] = row.entries
        for row in holding:
            held = found[row.drop_id].holding
            held[row.product_id, EntryStatus(row.status)] = row.entries
        return found

    def pool_page(self, id_: UUID, after: UUID, limit: int) -> list[tuple[UUID, UUID, int | None]]:
        """Return id, lot and position of the pool's entries after an id, by id."""
        found = self._uow.read(sql.POOL(drop_id=id_, after=after, limit=limit))
        return [(row.id, row.product_id, row.position) for row in found]

    def pending_since(self, id_: UUID) -> datetime | None:
        """Return the moment of the oldest change of entries that awaits promote."""
        found: datetime | None = self._uow.read(sql.PENDING_SINCE(drop_id=id_))[0].at
        return found

    def refuse(self, id_: UUID, user_id: UUID, reason: str) -> None:
        """Store an account's refusal of a reason, once, while the drop is under way."""
        self._uow.write(sql.REFUSE(drop_id=id_, user_id=user_id, reason=reason))

    def refusals(self, id_: UUID) -> dict[str, int]:
        """Count the accounts that were refused, by reason."""
        found = self._uow.read(sql.REFUSALS(drop_id=id_))
        return {row.reason: row.accounts for row in found}

    def refusals_of_end(self, id_: UUID) -> dict[str, int]:
        """Return the refusals in the log's record of the drop's end."""
        found = self._uow.read(sql.ENDED(drop_id=id_))
        counts: dict[str, int] = json.loads(found[0].data).get("refusals", {}) if found else {}
        return counts

    def free_times(self, id_: UUID) -> tuple[float | None, float | None, float | None]:
        """Return the seconds that released units lay free before their heir's offer.

        The median, the 99th percentile and the maximum; None where no unit found an heir.
        """
        row = self._uow.read(sql.FREE_TIMES(drop_id=id_))[0]
        return row.p50, row.p99, row.longest

    # --- entries ---------------------------------------------------------------------------------

    def join(
        self, *, id_: UUID, drop_id: UUID, product_id: UUID, user_id: UUID, person: str
    ) -> tuple[bool, Entry | None]:
        """Store an entry if the clock and the terms admit it, all in one round trip.

        A person who has an entry keeps that one; it is joined anew if it was withdrawn before the
        seal.

        Returns:
            Whether it was stored, and the person's entry, if there is one now.
        """
        _, joined, found = self._uow.lock_together(
            sql.SHARE_ENTRIES(drop_id=str(drop_id)),
            sql.JOIN(
                id=id_, drop_id=drop_id, product_id=product_id, user_id=user_id, person=person
            ),
            sql.ENTRY_OF_PERSON(drop_id=drop_id, person=person),
        )
        return bool(joined), _entry(found)

    def entry_of_user(self, drop_id: UUID, user_id: UUID) -> Entry | None:
        """Return the user's entry."""
        return _entry(self._uow.read(sql.ENTRY_OF_USER(drop_id=drop_id, user_id=user_id)))

    def reads_of_entry(self, id_: UUID) -> Sequence[Query]:
        """Return what `find_entry` and `of_entry` will read."""
        return [sql.FIND_ENTRY(id=id_), sql.OF_ENTRY(entry_id=id_)]

    def of_entry(self, entry_id: UUID) -> Drop:
        """Return the drop of an entry that exists."""
        _, query = self.reads_of_entry(entry_id)
        drop, _ = _drop(self._uow.read(query)[0])
        return drop

    def find_entry(self, id_: UUID) -> tuple[Entry, datetime] | None:
        """Return an entry and the database's time."""
        query, _ = self.reads_of_entry(id_)
        return _found(self._uow.read(query))

    def lock_entry(self, id_: UUID) -> tuple[Entry, datetime] | None:
        """Return an entry, locked FOR UPDATE, and the database's time once it was locked."""
        return self._locked(sql.LOCK_ENTRY(id=id_), sql.FIND_ENTRY(id=id_))

    def lock_entry_of_user(self, drop_id: UUID, user_id: UUID) -> tuple[Entry, datetime] | None:
        """Return the user's entry, locked FOR UPDATE, and the database's time."""
        whose = {"drop_id": drop_id, "user_id": user_id}
        return self._locked(sql.LOCK_ENTRY_OF_USER(**whose), sql.ENTRY_OF_USER(**whose))

    def _locked(self, lock: Query, read: Query) -> tuple[Entry, datetime] | None:
        return _found(self._uow.lock_together(lock, read)[-1])

    def entries_of_user(self, user_id: UUID, before: UUID, limit: int) -> list[Entry]:
        """Return the user's entries in all drops below the id `before`, newest first.

        Their statuses are those that are shown: void from the drop's cancellation on.
        """
        found = self._uow.read(sql.ENTRIES_OF_USER(user_id=user_id, before=before, limit=limit))
        return [entry for row in found if (entry := _entry([row]))]

    def lock_entries_of_user(self, user_id: UUID) -> list[tuple[Entry, datetime]]:
        """Return the user's entries in all drops, locked, and the database's time."""
        *_, found = self._uow.lock_together(
            sql.LOCK_ENTRIES_OF_USER(user_id=user_id), sql.ALL_ENTRIES_OF_USER(user_id=user_id)
        )
        return [(entry, row.now) for row in found if (entry := _entry([row]))]

    def forget_user(self, user_id: UUID) -> None:
        """Leave nothing in the user's entries and refusals that leads to the user."""
        self._uow.write(sql.FORGET_USER(erased=user_id))
        self._uow.write(sql.FORGET_REFUSALS(erased=user_id))

    def lock_entry_of_order(self, order_id: UUID) -> tuple[Entry, datetime] | None:
        """Return the entry that placed an order, locked FOR UPDATE, and the database's time."""
        of_order = {"order_id": order_id}
        return self._locked(sql.LOCK_ENTRY_OF_ORDER(**of_order), sql.ENTRY_OF_ORDER(**of_order))

    def save_entry(self, entry: Entry, *, left_at: datetime | None = None) -> None:
        """Store a locked entry that has changed."""
        self._uow.write(
            sql.SAVE_ENTRY(
                row_id=entry.id,
                version_read=entry.version,
                new_version=entry.version + 1,
                new_status=entry.status.value,
                new_position=entry.position,
                new_claim_until=entry.claim_until,
                new_order_id=entry.order_id,
                new_left_at=left_at,
            ),
            {"entry_as_read": lambda: None},  # cannot be violated under its lock
        )
        entry.version += 1

    def use_offer(
        self,
        entry_id: UUID,
        user_id: UUID,
        order_id: UUID,
        status: EntryStatus,
        *,
        on_violation: ErrorFactory,
    ) -> None:
        """Use an entry's offer for an order, if it is still valid when the order is stored."""
        self._uow.write(
            sql.USE_OFFER(id=entry_id, user_id=user_id, order_id=order_id, status=status.value),
            {"offer_valid": on_violation},
        )

    def require_no_drop(
        self,
        product_ids: Sequence[UUID],
        *,
        but: UUID | None = None,
        on_violation: ErrorFactory,
    ) -> None:
        """Prove, once the stock is locked, that no drop (but one) sells the products alone."""
        self._uow.check_last(
            sql.NO_DROP(product_ids=list(product_ids), but=but), {"sold_by_no_drop": on_violation}
        )

    def ahead(self, entry: Entry) -> int:
        """Count the entries in line before a numbered one."""
        found = self._uow.read(
            sql.AHEAD(drop_id=entry.drop_id, product_id=entry.product_id, position=entry.position)
        )
        return int(found[0].ahead)

    # --- what promote does, under the drop's lock ------------------------------------------------

    def mark_pool(
        self, id_: UUID, limit: int, *, joined_from: datetime | None = None
    ) -> datetime | None:
        """Mark at most so many entries as the pool's, of those who joined at a moment or later.

        Entries that are under way are waited for. Later ones do not wait for this.

        Returns:
            When the last of them joined; None where no entry may be left.
        """
        *_, found = self._uow.lock_together(
            sql.BEGIN_FENCE(),
            sql.FREEZE_ENTRIES(drop_id=str(id_)),
            sql.END_FENCE(),
            sql.MARK_POOL(drop_id=id_, limit=limit, joined_from=joined_from),
        )
        return found[0].joined_until if found[0].entries == limit else None

    def pool_sizes(self, id_: UUID) -> dict[UUID, int]:
        """Count the pool's entries, by lot."""
        found = self._uow.read(sql.POOL_SIZES(drop_id=id_))
        return {row.product_id: row.entries for row in found}

    def pool_parts(self, id_: UUID, limit: int) -> Iterator[tuple[str, str]]:
        """Yield the pool by entry id, so many at a time: lines of ids, and of ids with their lots.

        At least one part is yielded; that of an empty pool is empty.
        """
        after = UUID(int=0)
        while True:
            part = self._uow.read(sql.POOL_PART(drop_id=id_, after=after, limit=limit))[0]
            if part.entries or not after.int:
                yield part.ids or "", part.lots or ""
            if part.entries < limit:
                return
            after = UUID(part.ids[-36:])

    def number_pool(self, id_: UUID, seed: str, limit: int) -> dict[UUID, int]:
        """Give at most so many of the pool their positions by the seed; return how many, by lot.

        They are the first that have none. The lots' `numbered` is saved before the next ones.
        """
        found = self._uow.lock(sql.NUMBER_POOL(drop_id=id_, seed=seed, limit=limit))
        return {row.product_id: row.entries for row in found}

    def number_late(self, drop: Drop, limit: int) -> dict[UUID, tuple[list[UUID], int]]:
        """Give positions to entries that have none; return their ids and the last one, by lot."""
        found = self._uow.lock(
            sql.NUMBER_LATE(drop_id=drop.id, draws_at=drop.draws_at, limit=limit)
        )
        return {row.product_id: (list(row.ids), row.numbered) for row in found}

    def lapse(self, id_: UUID, limit: int) -> list[Changed]:
        """End at most so many of the offers whose time is over, and return their entries."""
        return [Changed(*row) for row in self._uow.lock(sql.LAPSE(drop_id=id_, limit=limit))]

    def log_left(self, id_: UUID, limit: int) -> list[Left]:
        """Return at most so many of the entries that left and that the log does not have yet."""
        return [
            Left(row.product_id, EntryStatus(row.status), row.had_offer, list(row.ids))
            for row in self._uow.lock(sql.LOG_LEFT(drop_id=id_, limit=limit))
        ]

    def offer(self, drop: Drop, lot: Lot, limit: int) -> list[Offered]:
        """Offer a unit each to the first `limit` entries that wait; in order of position."""
        query = sql.OFFER(
            drop_id=drop.id,
            product_id=lot.product_id,
            served=lot.served,
            claim_minutes=drop.claim_minutes,
            limit=limit,
        )
        found: Sequence[Row] = ()
        for _ in range(OFFER_TRIES):  # all that were first in line may have left meanwhile
            found = found or self._uow.lock(query)
        return sorted((Offered(*row) for row in found), key=lambda each: each.position)

    def freeze_entries(self, id_: UUID) -> None:
        """Let no entry be under way until the transaction ends; later ones see what it did."""
        self._uow.lock(sql.FREEZE_ENTRIES(drop_id=str(id_)))

    def lock_holders(self, id_: UUID) -> None:
        """Lock the entries with an offer or an unpaid order, until the transaction ends."""
        self._uow.lock(sql.LOCK_HOLDERS(drop_id=id_))

    def void_offers(self, id_: UUID) -> None:
        """End the entries with an offer that nobody has used. They are locked."""
        self._uow.lock(sql.VOID_OFFERS(drop_id=id_))

    def void(self, id_: UUID, limit: int) -> bool:
        """End at most so many entries that have no order; return whether that may not be all."""
        return bool(self._uow.lock(sql.VOID(drop_id=id_, limit=limit))[0].entries == limit)


def _first(rows: Sequence[Row]) -> tuple[Drop, datetime] | None:
    return _drop(rows[0]) if rows else None


def _drop(row: Row) -> tuple[Drop, datetime]:
    values = {name: getattr(row, name) for name in _SAVED}
    lots = [
        Lot(UUID(product_id), units, returned, numbered, served)
        for product_id, units, returned, numbered, served in row.lots
    ]
    drop = Drop(
        id=row.id,
        mode=Mode(row.mode),
        stage=Stage(row.state),
        lots=sorted(lots, key=lambda lot: str(lot.product_id)),
        version=row.version,
        **values,
    )
    return drop, row.now


def _found(rows: Sequence[Row]) -> tuple[Entry, datetime] | None:
    entry = _entry(rows)
    return (entry, rows[0].now) if entry else None


def _entry(rows: Sequence[Row]) -> Entry | None:
    for row in rows:
        return Entry(
            id=row.id,
            drop_id=row.drop_id,
            product_id=row.product_id,
            user_id=row.user_id,
            status=EntryStatus(row.status),
            is_in_pool=row.in_pool,
            position=row.position,
            joined_at=row.joined_at,
            claim_until=row.claim_until,
            order_id=row.order_id,
            version=row.version,
        )
    return None


def _counts(rows: Sequence[Row]) -> dict[tuple[UUID, EntryStatus], int]:
    return {(row.product_id, EntryStatus(row.status)): row.entries for row in rows}


def _log_row(drop_id: UUID, record: LogRecord) -> dict[str, object]:
    return {
        "drop_id": str(drop_id),
        "number": record.number,
        "at": clock.rfc3339(record.at),
        "kind": record.kind.value,
        "data": canonical_json(record.data),
        "hash": record.hash,
    }
