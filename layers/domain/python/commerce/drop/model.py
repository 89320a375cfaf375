"""A drop: its states, its terms, its public log, and the entries of those who wait for a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from commerce.drop import draw
from commerce.drop.errors import DropClosed, DropLocked, DropNotOpen, DropSealed
from commerce.shared.events import plain

QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
"""drand's quicknet chain, which publishes a round every 3 s."""
SIMULATED = "SIMULATED"
"""Stands for a chain in terms and proof where a simulator answers, at quicknet's times."""
_GENESIS, _PERIOD_SECONDS = 1_692_803_367, 3  # of that chain
# docs/drops.md, rule 1: the seal is so far before the round, which is so far after the draw's time,
# or after the seal. Nobody waits for a simulator.
_LEAD, _DELAY = timedelta(seconds=10), timedelta(seconds=60)
_SIMULATED_DELAY = timedelta(seconds=1)
_PATIENCE = timedelta(minutes=2)  # promote comes every minute


class Mode(StrEnum):
    """The treatment of entries that come after the draw: SHUFFLE queues, LOTTERY refuses."""

    SHUFFLE = "SHUFFLE"
    LOTTERY = "LOTTERY"


class Stage(StrEnum):
    """The stored progress of a drop. Its State follows from this and the clock."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    SEALED = "SEALED"
    OFFERING = "OFFERING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class State(StrEnum):
    """The state of a drop, as it is shown."""

    DRAFT = "DRAFT"
    SCHEDULED = "SCHEDULED"
    ENTRIES = "ENTRIES"
    SEALED = "SEALED"
    OFFERING = "OFFERING"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class EntryStatus(StrEnum):
    """The states of an entry."""

    JOINED = "JOINED"
    WAITING = "WAITING"
    OFFERED = "OFFERED"
    ORDERED = "ORDERED"
    BOUGHT = "BOUGHT"
    CANCELLED = "CANCELLED"
    LAPSED = "LAPSED"
    WITHDRAWN = "WITHDRAWN"
    DISQUALIFIED = "DISQUALIFIED"
    VOID = "VOID"


class Trouble(StrEnum):
    """The steps that a drop can be overdue for."""

    NOT_SEALED = "NOT_SEALED"
    NOT_DRAWN = "NOT_DRAWN"
    NOT_PROMOTED = "NOT_PROMOTED"
    NOT_ENDED = "NOT_ENDED"


class LogKind(StrEnum):
    """The kinds of records of the public log."""

    PUBLISHED = "PUBLISHED"
    RESCHEDULED = "RESCHEDULED"
    SEALED = "SEALED"
    NUMBERED = "NUMBERED"
    OFFERED = "OFFERED"
    RELEASED = "RELEASED"
    WITHDRAWN = "WITHDRAWN"
    DISQUALIFIED = "DISQUALIFIED"
    UNITS_ADDED = "UNITS_ADDED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


@dataclass(slots=True)
class Lot:
    """A product's units in a drop; positions are given and served per lot."""

    product_id: UUID
    units: int
    returned: int = 0
    numbered: int = 0
    served: int = 0


@dataclass(frozen=True, slots=True)
class LogRecord:
    """A record of the public log; `hash` chains it to the one before."""

    number: int
    at: datetime
    kind: LogKind
    data: Mapping[str, Any]
    hash: str

    @property
    def hashed(self) -> dict[str, Any]:
        """The JSON that was hashed."""
        return _hashed(self.number, self.at, self.kind, self.data)


@dataclass(slots=True, kw_only=True)
class Drop:
    """A drop. `version` counts its changes; the records in `unsaved` are not stored yet."""

    id: UUID
    mode: Mode
    entries_at: datetime
    draws_at: datetime
    offers_until: datetime
    claim_minutes: int
    lots: list[Lot]
    accounts_before: datetime | None = None
    verified_only: bool = False
    coupons_allowed: bool = False
    stage: Stage = Stage.DRAFT
    terms: str | None = None
    terms_hash: str | None = None
    beacon_chain: str | None = None
    beacon_round: int | None = None
    sealed_at: datetime | None = None
    entries_count: int | None = None
    entries_root: str | None = None
    signature: str | None = None
    drawn_at: datetime | None = None
    ended_at: datetime | None = None
    log_number: int = 0
    log_head: str | None = None
    version: int = 1
    unsaved: list[LogRecord] = field(default_factory=list, repr=False)

    def state(self, now: datetime) -> State:
        """Return the state at this time, by the database's clock."""
        if self.stage is not Stage.PUBLISHED:
            return State(self.stage)
        if now < self.entries_at:
            return State.SCHEDULED
        return State.ENTRIES if now < self.draws_at else State.SEALED

    @property
    def is_over(self) -> bool:
        """True once no unit can be offered or bought any more."""
        return self.stage in (Stage.CLOSED, Stage.CANCELLED)

    @property
    def is_ending(self) -> bool:
        """True while a cancelled drop may have entries that are not stored as void yet."""
        return self.stage is Stage.CANCELLED and self.ended_at is None

    @property
    def was_published(self) -> bool:
        """True from the publication on; a draft, cancelled or not, was never given units."""
        return self.terms_hash is not None

    @property
    def claim_time(self) -> timedelta:
        """The time for which an offer is valid."""
        return timedelta(minutes=self.claim_minutes)

    @property
    def last_offer_at(self) -> datetime:
        """The moment until which offers are made: each can be used until `offers_until`."""
        return self.offers_until - self.claim_time

    def check_entry(self, now: datetime) -> None:
        """Raise the refusal of an entry at this time: DropNotOpen, DropSealed, DropClosed."""
        if self.is_over or now >= self.last_offer_at:
            raise DropClosed
        if now < self.entries_at:
            wait = max(1, round((self.entries_at - now).total_seconds() + 0.5))
            raise DropNotOpen(retry_after_seconds=wait)
        if self.mode is Mode.LOTTERY and now >= self.draws_at:
            raise DropSealed

    def publish(self, now: datetime, *, chain: str) -> None:
        """Fix the terms and the beacon's round. Raises DropLocked if it was published before."""
        if self.stage is not Stage.DRAFT:
            raise DropLocked("The drop was published before.")
        if self.entries_at <= now:
            raise DropLocked("Entries must begin after the publication.")
        self.stage, self.beacon_chain = Stage.PUBLISHED, chain
        self._set_terms()
        self.log(LogKind.PUBLISHED, now, terms_hash=self.terms_hash)

    def reschedule(
        self, now: datetime, *, entries_at: datetime, draws_at: datetime, offers_until: datetime
    ) -> None:
        """Move a published drop's times, only to later ones, before its seal. Raises DropLocked."""
        if self.stage is not Stage.PUBLISHED or now >= self.draws_at:
            raise DropLocked("The times are fixed once entries are sealed.")
        moved = (entries_at, draws_at, offers_until)
        if any(new < old for new, old in zip(moved, self.times, strict=True)):
            raise DropLocked("A published drop can only be moved to later times.")
        if entries_at != self.entries_at and now >= self.entries_at:
            raise DropLocked("Entries have begun already.")
        self.entries_at, self.draws_at, self.offers_until = moved
        self._set_terms()
        self.log(LogKind.RESCHEDULED, now, terms_hash=self.terms_hash)

    @property
    def times(self) -> tuple[datetime, datetime, datetime]:
        """The moments that order a drop: entries, draw, end of offers."""
        return self.entries_at, self.draws_at, self.offers_until

    def seal(self, now: datetime, *, pool: Mapping[UUID, int], root: str, lots_root: str) -> None:
        """Freeze the pool; the round of the draw is fixed before anybody can know its randomness.

        Args:
            pool: the number of entries of each lot.
            root, lots_root: hashes of the entries, and of the lots that they stand in.
        """
        assert self.beacon_round is not None  # noqa: S101  (since its publication)
        promised = self.beacon_round
        lead = timedelta(0) if self.beacon_chain == SIMULATED else _LEAD
        if now > round_time(promised) - lead:
            self.beacon_round = self._round_after(now)
        self.stage, self.sealed_at = Stage.SEALED, now
        self.entries_root, self.entries_count = root, sum(pool.values())
        self.log(
            LogKind.SEALED,
            now,
            sizes={str(lot): count for lot, count in pool.items()},
            entries_root=root,
            lots_root=lots_root,
            beacon_round=self.beacon_round,
            is_round_promised=self.beacon_round == promised,
        )

    @property
    def seed(self) -> str:
        """The seed that gives the pool its positions, once the drop has the beacon's signature."""
        assert self.terms_hash is not None  # noqa: S101  (since its publication)
        assert self.entries_root is not None  # noqa: S101  (since its seal)
        assert self.signature is not None  # noqa: S101  (since its round)
        randomness = draw.randomness_of(self.signature)
        return draw.seed_of(self.terms_hash, self.entries_root, randomness)

    def open_offers(self, now: datetime) -> None:
        """Begin to offer units: all of the pool has its positions."""
        self.stage, self.drawn_at = Stage.OFFERING, now
        numbered = {str(lot.product_id): lot.numbered for lot in self.lots}
        self.log(LogKind.NUMBERED, now, by="draw", signature=self.signature, numbered=numbered)

    def trouble(self, now: datetime, pending_since: datetime | None) -> Trouble | None:
        """Return the step that the drop is overdue for, if any.

        Args:
            now: the database's time.
            pending_since: the moment of the oldest change of entries that awaits promote, the
                cancellation among them.
        """
        rest = Trouble.NOT_ENDED if self.is_ending else Trouble.NOT_PROMOTED
        due = {
            Stage.PUBLISHED: (Trouble.NOT_SEALED, self.draws_at),
            Stage.SEALED: (Trouble.NOT_DRAWN, round_time(self.beacon_round or 0)),
        }.get(self.stage, (rest, pending_since))
        trouble, since = due
        return trouble if since is not None and now >= since + _PATIENCE else None

    def lot(self, product_id: UUID) -> Lot:
        """Return the lot of a product. Raises KeyError."""
        for lot in self.lots:
            if lot.product_id == product_id:
                return lot
        raise KeyError(product_id)

    def end(self, stage: Stage, now: datetime, **data: Any) -> None:
        """Close or cancel the drop; a cancelled one has ended once all its entries have."""
        self.stage = stage
        self.ended_at = None if stage is Stage.CANCELLED else now
        self.log(LogKind(stage), now, **data)

    def log(self, kind: LogKind, at: datetime, **data: Any) -> None:
        """Append a record to the public log."""
        self.log_number += 1
        record = _hashed(self.log_number, at, kind, data)
        self.log_head = draw.log_hash(self.log_head or "", record)
        self.unsaved.append(LogRecord(self.log_number, at, kind, record["data"], self.log_head))

    def _set_terms(self) -> None:
        self.beacon_round = self._round_after(self.draws_at)
        terms = self._terms()
        self.terms, self.terms_hash = draw.canonical_json(terms), draw.terms_hash(terms)

    def _round_after(self, moment: datetime) -> int:
        is_simulated = self.beacon_chain == SIMULATED
        return first_round_from(moment + (_SIMULATED_DELAY if is_simulated else _DELAY))

    def _terms(self) -> dict[str, Any]:
        lots = sorted(self.lots, key=lambda lot: str(lot.product_id))
        return {
            "accounts_before": plain(self.accounts_before),
            "beacon": {"chain": self.beacon_chain, "round": self.beacon_round},
            "claim_minutes": self.claim_minutes,
            "coupons_allowed": self.coupons_allowed,
            "draws_at": plain(self.draws_at),
            "drop_id": str(self.id),
            "entries_at": plain(self.entries_at),
            "lots": [{"product_id": str(lot.product_id), "units": lot.units} for lot in lots],
            "mode": self.mode.value,
            "offers_until": plain(self.offers_until),
            "rules": draw.RULES,
            "verified_only": self.verified_only,
        }


@dataclass(slots=True, kw_only=True)
class Entry:
    """One person's entry in a drop."""

    id: UUID
    drop_id: UUID
    product_id: UUID
    user_id: UUID | None
    status: EntryStatus
    is_in_pool: bool
    position: int | None
    joined_at: datetime
    claim_until: datetime | None
    order_id: UUID | None
    version: int

    def is_offered(self, now: datetime) -> bool:
        """Return whether the entry's offer can be used at this time."""
        until = self.claim_until
        return self.status is EntryStatus.OFFERED and until is not None and now < until


def status_in(drop: Drop, status: EntryStatus) -> EntryStatus:
    """Return the status of a drop's entry that is stored with this one.

    An entry that waits for a unit is void once the drop is cancelled, wherever that is stored.
    """
    waits = status in (EntryStatus.JOINED, EntryStatus.WAITING)
    return EntryStatus.VOID if drop.is_ending and waits else status


def round_time(number: int) -> datetime:
    """Return the moment at which the beacon publishes a round."""
    return datetime.fromtimestamp(_GENESIS + (number - 1) * _PERIOD_SECONDS, UTC)


def first_round_from(moment: datetime) -> int:
    """Return the first round that is published at this moment or later."""
    behind = moment.timestamp() - _GENESIS
    return 1 + max(0, int(-(-behind // _PERIOD_SECONDS)))


def _hashed(number: int, at: datetime, kind: LogKind, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": plain(at),
        "data": {name: plain(value) for name, value in data.items()},
        "kind": kind.value,
        "number": number,
    }


def offers_of(ids_by_lot: Mapping[UUID, Sequence[UUID]]) -> dict[str, list[str]]:
    """Return what the log says of entries by lot: lists of ids in the order of their positions."""
    return {str(lot): [str(id_) for id_ in ids] for lot, ids in ids_by_lot.items() if ids}
