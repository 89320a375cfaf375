"""The views of drops."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from commerce.drop.model import (
    Drop,
    Entry,
    EntryStatus,
    LogRecord,
    Mode,
    State,
    Trouble,
    round_time,
    status_in,
)
from commerce.shared.schemas import Timestamp, View, one_of


class LotView(View):
    """A product's units in a drop; `returned` ones went back to its stock.

    Positions up to `served` were offered a unit.
    """

    product_id: str
    units: int
    returned: int
    entries: int
    held: int
    bought: int
    served: int


class DropView(View):
    """A drop, the same for everybody. `now` is the clock that judges its moments."""

    drop_id: str
    state: Annotated[str, one_of(State)]
    mode: Annotated[str, one_of(Mode)]
    lots: list[LotView]
    entries_at: Timestamp
    draws_at: Timestamp
    offers_until: Timestamp
    claim_minutes: int
    accounts_before: Timestamp | None
    verified_only: bool
    coupons_allowed: bool
    entries: int
    held: int
    bought: int
    served: int
    terms_hash: str | None
    beacon_round: int | None
    log_head: str | None
    now: Timestamp
    version: int


class StaffDropView(DropView):
    """A drop as staff see it: all its entries by status, and what it waits for too long."""

    statuses: dict[str, int]
    beacon_chain: str | None
    beacon_at: Timestamp | None = Field(description="When the beacon publishes the round.")
    sealed_at: Timestamp | None
    drawn_at: Timestamp | None
    ended_at: Timestamp | None
    trouble: Annotated[str, one_of(Trouble)] | None


class EntryView(View):
    """One's own entry. `ahead` never grows; `position` is null until it is given."""

    entry_id: str
    drop_id: str
    lot: str
    status: Annotated[str, one_of(EntryStatus)]
    position: int | None
    ahead: int | None
    may_return: bool
    claim_until: Timestamp | None
    order_id: str | None
    poll_after_seconds: int
    log_head: str | None


class MadeEntryView(View):
    """An entry as it is kept."""

    entry_id: str
    drop_id: str
    product_id: str
    status: Annotated[str, one_of(EntryStatus)]
    joined_at: Timestamp
    position: int | None
    order_id: str | None


class LogRecordView(View):
    """A record of the public log."""

    number: int
    at: Timestamp
    kind: str
    data: dict[str, Any]
    hash: str


class PoolEntryView(View):
    """An entry of the pool, with the position that the draw gave it."""

    entry_id: str
    lot: str
    position: int | None


class ProofView(View):
    """A page of a drop's proof; the first page has everything but the rest of the lists.

    `terms` is canonical JSON as text, because its hash is of these bytes.
    """

    drop_id: str
    terms: str
    terms_hash: str
    beacon_chain: str
    beacon_round: int
    is_simulated: bool
    signature: str | None
    entries_count: int
    entries_root: str
    entries: list[PoolEntryView]
    log: list[LogRecordView]
    log_head: str
    next_cursor: str | None = Field(description="Leads to more entries and log records.")


class ReportView(View):
    """The outcome of a closed drop; `refusals` counts accounts, each once per reason."""

    drop_id: str
    entries: int
    offers: int
    bought: int
    lapsed: int
    cancelled: int
    passed_on: int
    oversold: int
    free_seconds_p50: float | None
    free_seconds_p99: float | None
    free_seconds_max: float | None
    refusals: dict[str, int]
    statuses: dict[str, int]


Counts = Mapping[tuple[UUID, EntryStatus], int]
_HELD = (EntryStatus.OFFERED, EntryStatus.ORDERED)


def drop_view(drop: Drop, now: datetime, entries: Mapping[UUID, int], holding: Counts) -> DropView:
    """Make the view of a drop.

    Args:
        drop: the drop.
        now: the database's time.
        entries: the number of entries, by lot.
        holding: the number of entries that hold a unit, by lot and status.
    """
    lots = [
        LotView(
            product_id=str(lot.product_id),
            units=lot.units,
            returned=lot.returned,
            entries=entries.get(lot.product_id, 0),
            held=sum(holding.get((lot.product_id, status), 0) for status in _HELD),
            bought=holding.get((lot.product_id, EntryStatus.BOUGHT), 0),
            served=lot.served,
        )
        for lot in drop.lots
    ]
    return DropView(
        drop_id=str(drop.id),
        state=drop.state(now).value,
        mode=drop.mode.value,
        lots=lots,
        entries_at=drop.entries_at,
        draws_at=drop.draws_at,
        offers_until=drop.offers_until,
        claim_minutes=drop.claim_minutes,
        accounts_before=drop.accounts_before,
        verified_only=drop.verified_only,
        coupons_allowed=drop.coupons_allowed,
        entries=sum(lot.entries for lot in lots),
        held=sum(lot.held for lot in lots),
        bought=sum(lot.bought for lot in lots),
        served=sum(lot.served for lot in lots),
        terms_hash=drop.terms_hash,
        beacon_round=drop.beacon_round,
        log_head=drop.log_head,
        now=now,
        version=drop.version,
    )


def staff_view(
    view: DropView, drop: Drop, now: datetime, counts: Counts, pending_since: datetime | None
) -> StaffDropView:
    """Make the view for staff of what everybody sees, and of all entries by lot and status."""
    trouble = drop.trouble(now, pending_since)
    return StaffDropView(
        **dict(view),
        statuses=by_status(counts),
        beacon_chain=drop.beacon_chain,
        beacon_at=round_time(drop.beacon_round) if drop.beacon_round else None,
        sealed_at=drop.sealed_at,
        drawn_at=drop.drawn_at,
        ended_at=drop.ended_at,
        trouble=trouble.value if trouble else None,
    )


def by_status(counts: Counts) -> dict[str, int]:
    """Add up entries of all lots, by status."""
    totals: dict[str, int] = {}
    for (_, status), entries in counts.items():
        totals[status.value] = totals.get(status.value, 0) + entries
    return dict(sorted(totals.items()))


def record_view(record: LogRecord) -> LogRecordView:
    """Make the view of a log's record."""
    return LogRecordView(
        number=record.number,
        at=record.at,
        kind=record.kind.value,
        data=dict(record.data),
        hash=record.hash,
    )


def made_entry_view(entry: Entry) -> MadeEntryView:
    """Make the view of an entry without its drop."""
    return MadeEntryView(
        entry_id=str(entry.id),
        drop_id=str(entry.drop_id),
        product_id=str(entry.product_id),
        status=entry.status.value,
        joined_at=entry.joined_at,
        position=entry.position,
        order_id=str(entry.order_id) if entry.order_id else None,
    )


def entry_view(
    entry: Entry, drop: Drop, *, ahead: int | None, poll_after_seconds: int
) -> EntryView:
    """Make the view of one's own entry."""
    status = status_in(drop, entry.status)
    return EntryView(
        entry_id=str(entry.id),
        drop_id=str(entry.drop_id),
        lot=str(entry.product_id),
        status=status.value,
        position=entry.position,
        ahead=ahead,
        may_return=status in (EntryStatus.JOINED, EntryStatus.WAITING) and not drop.is_over,
        claim_until=entry.claim_until,
        order_id=str(entry.order_id) if entry.order_id else None,
        poll_after_seconds=poll_after_seconds,
        log_head=drop.log_head,
    )
