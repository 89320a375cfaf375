"""A recorded history: each client's calls with times and answers, and the final rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

Answer: TypeAlias = Mapping[str, Any]

BUSY = frozenset({"BUSY", "REQUEST_IN_PROGRESS"})
"""Refusals which promise that the call changed nothing."""


@dataclass(frozen=True, slots=True)
class DropSetup:
    """The drop of a history, a draft of one lot. All buyers may enter it."""

    product: str
    units: int
    mode: str


@dataclass(frozen=True, slots=True)
class Setup:
    """Initial state of a history. Buyers are u0, u1 …, products p0, p1 …, all at one price."""

    buyers: int
    points: int
    """Of each buyer."""
    stock: tuple[int, ...]
    """Of each product, in units."""
    price: int
    copies: int
    """Of the one coupon."""
    discount: int
    stripes: int = 1
    """Rows that each product's stock is dealt out to."""
    max_per_buyer: int | None = None
    """Units of each product that one buyer may have."""
    drop: DropSetup | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One call as its client saw it. `start` and `end` are ticks of one counter for all clients."""

    id: int
    client: int
    kind: str
    args: Mapping[str, Any]
    start: int
    end: int
    answer: Answer | None = None
    """None where the client does not know the outcome."""
    is_replay: bool = False

    @property
    def refusal(self) -> str | None:
        """The code of the refusal, where there was one."""
        return None if self.answer is None else self.answer.get("refused")

    def unanswered(self) -> "Call":
        """Return the call with an unknown outcome."""
        return replace(self, answer=None, is_replay=False)


@dataclass(slots=True)
class History:
    """A recorded history. It is stored as plain JSON, so that it can be checked again."""

    seed: int
    setup: Setup
    calls: list[Call]
    end: dict[str, Any]
    """Rows when all was quiet: stock, balance, left, copies, orders, drop."""
    committed: list[dict[str, Any]] = field(default_factory=list)
    """Every event that was committed, in the order of its position."""
    puts: list[dict[str, list[str]]] = field(default_factory=list)
    """Per call of the bus the ids of the events that it `took`, some twice, and `refused`."""
    metrics: dict[str, list[int]] = field(default_factory=dict)
    """Per product orders, units and amount, as the consumer counted them."""
    books: list[str] = field(default_factory=list)
    """Findings of the reconciler."""
    failures: list[str] = field(default_factory=list)
    """Calls that were answered 500."""

    @property
    def taken(self) -> list[str]:
        """Ids of events in the order in which the bus took them."""
        return [id_ for put in self.puts for id_ in put["took"]]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> "History":
        """Read what `save` wrote."""
        found = json.loads(path.read_text())
        setup = found.pop("setup")
        setup["stock"] = tuple(setup["stock"])
        setup["drop"] = DropSetup(**setup["drop"]) if setup.get("drop") else None
        calls = [Call(**each) for each in found.pop("calls")]
        return cls(setup=Setup(**setup), calls=calls, **found)


def as_text(calls: Sequence[Call]) -> str:
    """Calls for a reader: one line each by its start, with when, who, what and the answer."""
    return "\n".join(_line(call) for call in sorted(calls, key=lambda each: each.start))


def _line(call: Call) -> str:
    when = f"{call.start:>4}–{call.end:<4}"
    return f"{when} client {call.client}  {_arguments_as_text(call):<44} → {_answer_as_text(call)}"


def _arguments_as_text(call: Call) -> str:
    words = [call.kind]
    for name, value in call.args.items():
        if value is None or value is False:
            continue
        if name == "lines":
            words += [f"{product}×{quantity}" for product, quantity in value]
        else:
            words.append(f"{name}={value}")
    return " ".join(words)


def _answer_as_text(call: Call) -> str:
    if call.answer is None:
        return "?"
    answer = " ".join(f"{name}={value}" for name, value in call.answer.items())
    return f"{answer} (replayed)" if call.is_replay else answer
