"""The calls that clients will make, drawn from a seed: the same seed, the same calls."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.harness.histories import drop_plan
from tests.harness.histories.drop_plan import DropPlan
from tests.harness.histories.history import Setup

CUTS = ("before the commit", "after the commit", "while reading")
"""Moments at which a call's connection to the database is cut."""

STRIPES = (1, 2)
"""Rows that the stocks of a history may be dealt out to."""

LIMITS = (None, 2, 4)
"""Units of each product that one buyer of a history may have."""

HAS_DROP = (False, True)
"""The chances of a history to be about a drop: one of these is drawn."""

_PLACE, _WEIGHTS = "place", {
    "place": 40,
    "cancel": 14,
    "charge": 8,
    "issue": 8,
    "read_points": 6,
    "read_stock": 6,
    "read_order": 4,
    "read_copies": 3,
    "cancel_as_admin": 3,
    "ship": 6,
    "deliver": 2,
    "set_stock": 2,
    "count": 3,
    "adjust": 3,
    "read_shelf": 3,
}  # fmt: skip
_IN_PART = 0.5
"""The share of cancellations that are of some units of one product."""
_KEYED = frozenset({"place", "charge", "cancel", "cancel_part", "adjust"})
_UNCUT = frozenset({"begin_entries", "reach_draw", "end_claims", "end_offers", "expire"})
"""Moments that come, and a run that no client waits for."""
_MORE_TURNS = 3  # of a history with a drop, which has to get from its publication to its end
_BESIDE = 0.15  # of its calls are about other products


@dataclass(frozen=True, slots=True)
class Planned:
    """One call to be made. `cut` names where its connection is cut, `cuts` how often on end."""

    client: int
    kind: str
    args: Mapping[str, Any]
    cut: str | None = None
    cuts: int = 1
    loses_answer: bool = False
    """True if the answer is lost on its way to the client, who then retries."""


@dataclass(frozen=True, slots=True)
class Size:
    """Size of the generated histories."""

    clients: int = 5
    calls: int = 7
    """Per client, before duplicates."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A shop, and the calls of each client in their order."""

    seed: int
    setup: Setup
    calls: tuple[Planned, ...]
    has_store: bool
    """True if the edge has its idempotency store; without it the claim rows decide alone."""

    @property
    def clients(self) -> int:
        """Return the number of clients."""
        return 1 + max((call.client for call in self.calls), default=0)

    def of_client(self, client: int) -> list[Planned]:
        """Return the calls planned for one client."""
        return [call for call in self.calls if call.client == client]

    def only(self, calls: list[Planned]) -> "Plan":
        """The same with these calls alone."""
        return replace(self, calls=tuple(calls))


def draw(seed: int, size: Size = Size()) -> Plan:
    """The plan of a seed."""
    rng = random.Random(seed)  # noqa: S311  (histories are no secret)
    setup = Setup(
        buyers=rng.randint(2, 3),
        points=rng.choice((300, 600, 900)),
        stock=tuple(rng.randint(2, 7) for _ in range(rng.randint(1, 2))),
        price=100,
        copies=rng.randint(1, 2),
        discount=40,
        # Drawn apart, so that nothing else of a seed depends on it.
        stripes=random.Random(-1 - seed).choice(STRIPES),  # noqa: S311
        max_per_buyer=random.Random(f"limit {seed}").choice(LIMITS),  # noqa: S311
    )
    if random.Random(f"has drop {seed}").choice(HAS_DROP):  # noqa: S311
        return _with_drop(seed, rng, setup, size)
    keys: list[tuple[str, str]] = []  # of the orders so far, with their buyers
    calls: list[Planned] = []
    for turn in range(size.calls):
        for client in range(size.clients):
            call = _call(rng, setup, client, f"{turn}.{client}", keys)
            calls += _perhaps_twice(rng, call, size)
    return Plan(seed, setup, tuple(calls), has_store=rng.random() < 0.5)


def _with_drop(seed: int, rng: random.Random, others: Setup, size: Size) -> Plan:
    """Draw the plan of a drop, with some calls about the other products."""
    drop = drop_plan.setup_of(seed, f"p{len(others.stock)}")
    stock = (*others.stock, drop.units + rng.randint(0, 3))
    setup = replace(others, buyers=drop_plan.ENTRANTS, stock=stock, drop=drop)
    turns = size.calls + _MORE_TURNS
    plan, keys, calls = DropPlan(seed, drop, turns), list[tuple[str, str]](), list[Planned]()
    for turn in range(turns):
        for client in range(size.clients):
            moments = plan.moments(turn, client)
            calls += [_planned(rng, client, *each) for each in moments]
            if rng.random() < _BESIDE:
                wanted = _call(rng, others, client, f"{turn}.{client}", keys)
            else:
                wanted = _planned(rng, client, *plan.call(turn, client))
            calls += _perhaps_twice(rng, wanted, size)
    return Plan(seed, setup, tuple(calls), has_store=rng.random() < 0.5)


def _perhaps_twice(rng: random.Random, call: Planned, size: Size) -> list[Planned]:
    if call.kind in _KEYED and call.args.get("key") and rng.random() < 0.3:
        other = rng.randrange(size.clients)  # pressed twice, or on two devices
        return [call, replace(call, client=other, cut=None, loses_answer=False)]
    return [call]


def _call(
    rng: random.Random, setup: Setup, client: int, name: str, keys: list[tuple[str, str]]
) -> Planned:
    kind = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    if kind in ("cancel", "cancel_as_admin", "ship", "deliver", "read_order") and not keys:
        kind = _PLACE
    args = _args(rng, setup, kind, name, keys)
    if kind == "cancel":
        # Drawn apart, so that nothing else of a seed depends on it.
        apart = random.Random(f"part {name} {args['order']} {setup}")  # noqa: S311
        if apart.random() < _IN_PART:
            part = {
                "product": f"p{apart.randrange(len(setup.stock))}",
                "units": apart.choice((1, 1, 2)),
            }
            kind, args = "cancel_part", args | part
    return _planned(rng, client, kind, args)


def _planned(rng: random.Random, client: int, kind: str, args: Mapping[str, Any]) -> Planned:
    changes = not kind.startswith("read_") and kind not in _UNCUT
    return Planned(
        client,
        kind,
        args,
        cut=rng.choice(CUTS) if changes and rng.random() < 0.15 else None,
        cuts=rng.choice((1, 1, 1, 2, 3, 4)),
        loses_answer=changes and rng.random() < 0.1,
    )


def _args(
    rng: random.Random, setup: Setup, kind: str, name: str, keys: list[tuple[str, str]]
) -> dict[str, Any]:
    buyer = f"u{rng.randrange(setup.buyers)}"
    product = f"p{rng.randrange(len(setup.stock))}"
    if kind == _PLACE:
        keys.append((name, buyer))
        return {"key": name, "buyer": buyer, **_order(rng, setup)}
    if kind in ("charge", "issue", "read_points", "read_copies"):
        charge = {"key": name, "amount": rng.choice((50, 100, 250))} if kind == "charge" else {}
        return {"buyer": buyer, **charge}
    if kind == "set_stock":
        return {"product": product, "quantity": rng.randint(0, 6)}
    if kind == "count":
        return {"product": product, "on_hand": rng.randint(0, 8)}
    if kind == "adjust":
        return {"key": name, "product": product, "delta": rng.choice((-3, -1, 1, 2))}
    if kind in ("read_stock", "read_shelf"):
        return {"product": product}
    # The newest may still be on their way, as no client knows: older ones are surely there.
    order, owner = rng.choice(keys[-4:] if rng.random() < 0.5 else keys)
    key = {"key": name} if kind == "cancel" and rng.random() < 0.5 else {}
    return {"order": order, "buyer": owner, **key}


def _order(rng: random.Random, setup: Setup) -> dict[str, Any]:
    products = rng.sample(range(len(setup.stock)), rng.randint(1, len(setup.stock)))
    by_card = rng.random() < 0.2
    return {
        "lines": [[f"p{number}", rng.choice((1, 1, 1, 2, 3))] for number in products],
        "method": "CARD" if by_card else "POINT",
        "points": rng.choice((0, 30)) if by_card else 0,
        "coupon": rng.random() < 0.25,
    }
