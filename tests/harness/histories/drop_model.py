"""The drop of a history as docs/drops.md says it: what a call may answer, and change.

The order of the draw is computed here from the pool's ids, as an outsider would.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, TypeAlias

from tests.harness.histories.history import Answer, DropSetup

DropOutcome: TypeAlias = tuple[Answer, "DropState | None", int]
"""An answer, the drop after it where it changed, and the units that the stock gained."""

SIGNATURE = "8f" * 48
"""The beacon's signature of every round in histories."""
KINDS = frozenset(
    {
        "publish_drop", "begin_entries", "reach_draw", "end_claims", "end_offers", "step",
        "take_round", "join", "withdraw", "read_entry", "read_drop", "add_units", "cancel_drop",
    }
)  # fmt: skip
READS = frozenset({"read_entry", "read_drop"})
MOVING_STOCK = frozenset({"publish_drop", "add_units", "cancel_drop", "step"})

_UNDER_WAY = ("PUBLISHED", "SEALED", "OFFERING")
_HELD = ("OFFERED", "ORDERED", "BOUGHT")
_FINAL = ("CANCELLED", "LAPSED", "WITHDRAWN", "VOID")
_NOTHING = {"lapsed": 0, "numbered": 0, "offered": 0, "returned": 0, "awaits": False}


@dataclass(frozen=True, slots=True)
class Entry:
    """One buyer's entry."""

    status: str = "JOINED"
    is_late: bool = False
    """True if it was made after the draw's time."""
    is_in_pool: bool = False
    position: int | None = None
    is_claim_over: bool = False
    """True if the time of its offer is over, swept or not."""

    @property
    def is_offered(self) -> bool:
        """Return whether the offer can be used."""
        return self.status == "OFFERED" and not self.is_claim_over


@dataclass(frozen=True, slots=True)
class DropState:
    """A drop of one lot; `entries` by buyer, in the order in which they joined."""

    units: int
    stage: str = "DRAFT"
    was_published: bool = False
    has_begun: bool = False
    is_past_draw: bool = False
    is_past_offers: bool = False
    returned: int = 0
    numbered: int = 0
    served: int = 0
    entries: tuple[tuple[str, Entry], ...] = ()

    @property
    def is_under_way(self) -> bool:
        """Return whether the drop alone sells its product."""
        return self.stage in _UNDER_WAY

    @property
    def shown(self) -> str:
        """Return the state as it is shown."""
        if self.stage != "PUBLISHED":
            return self.stage
        if not self.has_begun:
            return "SCHEDULED"
        return "SEALED" if self.is_past_draw else "ENTRIES"

    def entry(self, buyer: str) -> Entry | None:
        """Return the buyer's entry."""
        return dict(self.entries).get(buyer)

    def holding(self, *statuses: str) -> int:
        """Count the entries with one of these statuses."""
        return sum(entry.status in statuses for _, entry in self.entries)

    def with_entry(self, buyer: str, entry: Entry) -> "DropState":
        """Return the drop with this entry; a new one is the last to have joined."""
        return replace(self, entries=tuple({**dict(self.entries), buyer: entry}.items()))

    def with_all(self, change: Callable[[Entry], Entry]) -> "DropState":
        """Return the drop with every entry changed."""
        return replace(self, entries=tuple((name, change(each)) for name, each in self.entries))

    def rows(self) -> dict[str, Any]:
        """Return what the database shows of it."""
        return {
            "stage": self.stage,
            "units": self.units,
            "returned": self.returned,
            "numbered": self.numbered,
            "served": self.served,
            "entries": {name: [each.status, each.position] for name, each in self.entries},
        }


class DropModel:
    """Answers the calls that concern the drop alone."""

    def __init__(self, setup: DropSetup, drawn: Mapping[str, Any]) -> None:
        """Take the `terms_hash` and the `ids` of entries by buyer from the history's end."""
        self._setup = setup
        self._terms_hash = str(drawn.get("terms_hash"))
        self._ids: Mapping[str, str] = drawn.get("ids", {})

    def start(self) -> DropState:
        """Return the drop before the first call: a draft."""
        return DropState(self._setup.units)

    def outcomes(
        self, drop: DropState, kind: str, args: Mapping[str, Any], available: int
    ) -> Iterator[DropOutcome]:
        """Every answer that is right on this state, with the drop and the stock's gain."""
        yield getattr(self, f"_{kind}")(drop, args, available)

    # --- staff -----------------------------------------------------------------------------------

    def _publish_drop(self, drop: DropState, _: Any, available: int) -> DropOutcome:
        if drop.stage != "DRAFT":
            return _refused("DROP_LOCKED")
        if available < drop.units:
            return _refused("OUT_OF_STOCK", available={self._setup.product: available})
        published = replace(drop, stage="PUBLISHED", was_published=True)
        return {"state": "SCHEDULED"}, published, -drop.units

    def _add_units(self, drop: DropState, args: Mapping[str, Any], available: int) -> DropOutcome:
        if not drop.is_under_way:
            return _refused("DROP_LOCKED")
        if available < args["add"]:
            return _refused("OUT_OF_STOCK", available={self._setup.product: available})
        more = replace(drop, units=drop.units + args["add"])
        return {"state": more.shown}, more, -args["add"]

    def _cancel_drop(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        if drop.stage in ("CLOSED", "CANCELLED"):
            return _refused("DROP_CLOSED")
        back = drop.units - drop.holding("ORDERED", "BOUGHT") if drop.was_published else 0
        cancelled = replace(_voided(drop), stage="CANCELLED", returned=back)
        return {"state": "CANCELLED"}, cancelled, back

    # --- the clock -------------------------------------------------------------------------------

    def _begin_entries(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        return _came(drop, replace(drop, has_begun=True), is_due=drop.stage == "PUBLISHED")

    def _reach_draw(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        is_due = drop.stage == "PUBLISHED" and drop.has_begun
        return _came(drop, replace(drop, is_past_draw=True), is_due=is_due)

    def _end_offers(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        return _came(drop, replace(drop, is_past_offers=True), is_due=drop.stage == "OFFERING")

    def _end_claims(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        def over(entry: Entry) -> Entry:
            is_held = entry.status in ("OFFERED", "ORDERED")
            return replace(entry, is_claim_over=True) if is_held else entry

        ended = sum(
            each.status in ("OFFERED", "ORDERED") and not each.is_claim_over
            for _, each in drop.entries
        )
        return {"ended": ended}, drop.with_all(over) if ended else None, 0

    # --- promote ---------------------------------------------------------------------------------

    def _step(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        if drop.stage == "PUBLISHED" and drop.is_past_draw:
            return {**_NOTHING, "awaits": True}, replace(_sealed(drop), stage="SEALED"), 0
        if drop.stage == "PUBLISHED" or not drop.was_published:
            return _NOTHING, None, 0
        if drop.stage == "SEALED":
            return {**_NOTHING, "awaits": True}, None, 0
        return _offering(drop)

    def _take_round(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        if drop.stage != "SEALED":
            return {"numbered": 0}, None, 0
        pool = self.drawn([name for name, each in drop.entries if each.is_in_pool])
        for position, name in enumerate(pool, 1):
            entry = dict(drop.entries)[name]
            status = "WAITING" if entry.status == "JOINED" else entry.status
            drop = drop.with_entry(name, replace(entry, status=status, position=position))
        return {"numbered": len(pool)}, replace(drop, stage="OFFERING", numbered=len(pool)), 0

    def drawn(self, pool: list[str]) -> list[str]:
        """Return the buyers of the pool in the order that the beacon's signature gives them."""
        ids = {name: self._ids.get(name, name) for name in pool}
        root = _sha("\n".join(sorted(ids.values())))
        randomness = sha256(bytes.fromhex(SIGNATURE)).hexdigest()
        seed = _sha("\n".join(("lastunit-draw-1", self._terms_hash, root, randomness)))
        return sorted(pool, key=lambda name: _sha(f"{seed}\n{ids[name]}"))

    # --- shoppers --------------------------------------------------------------------------------

    def _join(self, drop: DropState, args: Mapping[str, Any], _: int) -> DropOutcome:
        buyer = args["buyer"]
        entry = drop.entry(buyer)
        if not drop.was_published:
            return _refused("DROP_NOT_FOUND")
        refusal = self._entry_refusal(drop)
        may_again = entry is not None and entry.status == "WITHDRAWN" and not drop.is_past_draw
        if refusal is None and (entry is None or may_again):
            joined = Entry(is_late=drop.is_past_draw)
            others = replace(drop, entries=tuple(each for each in drop.entries if each[0] != buyer))
            return _seen(joined, is_new=True), others.with_entry(buyer, joined), 0
        if entry is None:
            return _refused(str(refusal))
        if entry.status in _FINAL:
            return _refused("ENTRY_FINISHED")
        return _seen(entry, is_new=False), None, 0

    def _entry_refusal(self, drop: DropState) -> str | None:
        if not drop.is_under_way or drop.is_past_offers:
            return "DROP_CLOSED"
        if not drop.has_begun:
            return "DROP_NOT_OPEN"
        is_too_late = self._setup.mode == "LOTTERY" and drop.is_past_draw
        return "DROP_SEALED" if is_too_late else None

    def _withdraw(self, drop: DropState, args: Mapping[str, Any], _: int) -> DropOutcome:
        if not drop.was_published:
            return _refused("DROP_NOT_FOUND")
        entry = drop.entry(args["buyer"])
        if entry is None:
            return _refused("ENTRY_NOT_FOUND")
        if entry.status in ("ORDERED", "BOUGHT"):
            return _refused("ENTRY_ORDERED")
        if entry.status == "WITHDRAWN":
            return _seen(entry), None, 0
        if entry.status in _FINAL:
            return _refused("ENTRY_FINISHED")
        gone = replace(entry, status="WITHDRAWN")
        return _seen(gone), drop.with_entry(args["buyer"], gone), 0

    def _read_entry(self, drop: DropState, args: Mapping[str, Any], _: int) -> DropOutcome:
        if not drop.was_published:
            return _refused("DROP_NOT_FOUND")
        entry = drop.entry(args["buyer"])
        return (_seen(entry), None, 0) if entry else _refused("ENTRY_NOT_FOUND")

    def _read_drop(self, drop: DropState, _: Any, __: int) -> DropOutcome:
        if not drop.was_published:
            return _refused("DROP_NOT_FOUND")
        return {"state": drop.shown, "units": drop.units, "served": drop.served}, None, 0


def ordered(drop: DropState, buyer: str, *, is_paid: bool) -> DropState:
    """Return the drop after an order has used the buyer's offer."""
    entry = dict(drop.entries)[buyer]
    return drop.with_entry(buyer, replace(entry, status="BOUGHT" if is_paid else "ORDERED"))


def released(drop: DropState, buyer: str) -> DropState:
    """Return the drop after the order of the buyer's entry was cancelled."""
    entry = dict(drop.entries)[buyer]
    if entry.status == "BOUGHT":
        status = "CANCELLED"
    else:
        is_over = drop.stage in ("CLOSED", "CANCELLED")
        status = "LAPSED" if entry.is_claim_over or is_over else "OFFERED"
    return drop.with_entry(buyer, replace(entry, status=status))


def offer_refusal(drop: DropState, buyer: str) -> Answer | None:
    """Return the refusal of an order with the buyer's entry; None where its offer is valid."""
    entry = drop.entry(buyer)
    if entry is not None and entry.is_offered:
        return None
    status = "LAPSED" if entry is None or entry.status == "OFFERED" else entry.status
    return {"refused": "OFFER_NOT_VALID", "is": status}


def _sealed(drop: DropState) -> DropState:
    def sealed(entry: Entry) -> Entry:
        return replace(entry, is_in_pool=entry.status == "JOINED" and not entry.is_late)

    return drop.with_all(sealed)


def _offering(drop: DropState) -> DropOutcome:
    """Lapse, number, offer, close and give back, as one step of promote does."""
    answer = dict(_NOTHING)
    over = [name for name, e in drop.entries if e.status == "OFFERED" and e.is_claim_over]
    answer["lapsed"] = len(over)
    after = drop
    for name in over:
        after = after.with_entry(name, replace(dict(after.entries)[name], status="LAPSED"))
    if after.stage == "OFFERING" and not after.is_past_offers:
        after, answer["numbered"] = _numbered(after)
        after, answer["offered"] = _offered(after)
    if (
        after.stage == "OFFERING"
        and after.is_past_offers
        and not after.holding("OFFERED", "ORDERED")
    ):
        after = replace(_voided(after), stage="CLOSED")
    if after.stage in ("CLOSED", "CANCELLED"):
        answer["returned"] = after.units - after.returned - after.holding(*_HELD)
        after = replace(after, returned=after.returned + answer["returned"])
    return answer, after if after != drop else None, int(answer["returned"])


def _numbered(drop: DropState) -> tuple[DropState, int]:
    due = [name for name, each in drop.entries if each.status == "JOINED"]
    for position, name in enumerate(due, drop.numbered + 1):
        entry = dict(drop.entries)[name]
        drop = drop.with_entry(name, replace(entry, status="WAITING", position=position))
    return replace(drop, numbered=drop.numbered + len(due)), len(due)


def _offered(drop: DropState) -> tuple[DropState, int]:
    free = drop.units - drop.holding(*_HELD)
    line = sorted((e.position or 0, name) for name, e in drop.entries if e.status == "WAITING")
    for position, name in line[: max(0, free)]:
        entry = replace(dict(drop.entries)[name], status="OFFERED", is_claim_over=False)
        drop = replace(drop.with_entry(name, entry), served=position)
    return drop, min(len(line), max(0, free))


def _voided(drop: DropState) -> DropState:
    def void(entry: Entry) -> Entry:
        ends = entry.status in ("JOINED", "WAITING", "OFFERED")
        return replace(entry, status="VOID") if ends else entry

    return drop.with_all(void)


def _came(before: DropState, after: DropState, *, is_due: bool) -> DropOutcome:
    came = is_due and after != before
    return {"came": came}, after if came else None, 0


def _seen(entry: Entry, **more: bool) -> Answer:
    return {"status": entry.status, "position": entry.position, **more}


def _refused(code: str, **more: Any) -> DropOutcome:
    return {"refused": code, **more}, None, 0


def _sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()
