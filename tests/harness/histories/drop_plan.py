"""The calls of a history with a drop: its phases follow each other, the calls in each do not."""

import random
from typing import Any

from tests.harness.histories.history import DropSetup

ENTRANTS = 5
MODES = ("SHUFFLE", "SHUFFLE", "LOTTERY")
METHODS = ("POINT", "POINT", "CARD")

Wanted = tuple[str, dict[str, Any]]
"""A kind of call, and its arguments."""

_ENTRIES = {
    "join": 50, "withdraw": 8, "read_entry": 6, "read_drop": 5, "beside": 5, "add_units": 4,
    "read_shelf": 2, "adjust": 2, "promote": 3,
}  # fmt: skip
_OFFERS = {
    "buy": 34, "promote": 16, "join": 8, "withdraw": 7, "end_claims": 4, "expire": 6,
    "cancel": 10, "cancel_as_admin": 3, "ship": 4, "add_units": 4, "beside": 3, "adjust": 2,
    "read_entry": 6, "read_drop": 4, "read_shelf": 2, "cancel_drop": 1,
}  # fmt: skip
_END = {
    "buy": 12, "promote": 24, "end_offers": 12, "end_claims": 12, "expire": 10, "cancel": 12,
    "cancel_drop": 7, "join": 8, "withdraw": 5, "beside": 6, "read_entry": 6, "read_drop": 4,
    "read_shelf": 2,
}  # fmt: skip
_OF_A_BUYER = frozenset({"join", "withdraw", "read_entry"})
_OF_AN_ORDER = frozenset({"cancel", "cancel_as_admin", "ship", "expire"})


def setup_of(seed: int, product: str) -> DropSetup:
    """Return the drop of a seed."""
    rng = _rng(seed)
    return DropSetup(product, units=rng.randint(1, 3), mode=rng.choice(MODES))


class DropPlan:
    """Draws the calls of one history's drop; the names of orders are `turn.client`."""

    def __init__(self, seed: int, drop: DropSetup, turns: int) -> None:
        self._rng = random.Random(f"calls of drop {seed}")  # noqa: S311
        self._drop = drop
        self._turns = turns
        self._orders: list[tuple[str, str]] = []

    def moments(self, turn: int, client: int) -> list[Wanted]:
        """Return what one client does so that the drop goes on: publish, begin, draw."""
        if client == 0 and turn == 0:
            return [("publish_drop", {}), ("begin_entries", {})]
        if client == 0 and turn == self._turns // 4 + 1:
            return [("reach_draw", {}), ("promote", {})]
        return []

    def call(self, turn: int, client: int) -> Wanted:
        """Draw the call of a client's turn."""
        return self._call(self._weights(turn), f"d{turn}.{client}")

    def _weights(self, turn: int) -> dict[str, int]:
        if turn <= self._turns // 4:
            return _ENTRIES
        return _OFFERS if turn < self._turns - self._turns // 4 else _END

    def _call(self, weights: dict[str, int], name: str) -> Wanted:
        kind = self._rng.choices(list(weights), list(weights.values()))[0]
        if kind in _OF_AN_ORDER and not self._orders:
            kind = "buy"
        buyer = f"u{self._rng.randrange(ENTRANTS)}"
        if kind in ("buy", "beside"):
            return "place", self._order(name, buyer, is_offer=kind == "buy")
        if kind in _OF_A_BUYER:
            return kind, {"buyer": buyer}
        if kind in _OF_AN_ORDER:
            order, owner = self._rng.choice(self._orders)
            return kind, {"order": order, "buyer": owner}
        if kind == "add_units":
            return kind, {"add": self._rng.randint(1, 2)}
        if kind == "adjust":
            delta = self._rng.choice((-1, 1, 2))
            return kind, {"key": name, "product": self._drop.product, "delta": delta}
        return kind, {"product": self._drop.product} if kind == "read_shelf" else {}

    def _order(self, name: str, buyer: str, *, is_offer: bool) -> dict[str, Any]:
        if is_offer:
            self._orders.append((name, buyer))
        return {
            "key": name, "buyer": buyer, "lines": [[self._drop.product, 1]], "points": 0,
            "method": self._rng.choice(METHODS), "coupon": False,
            "offer": is_offer,
        }  # fmt: skip


def _rng(seed: int) -> random.Random:
    return random.Random(f"drop {seed}")  # noqa: S311  (histories are no secret)
