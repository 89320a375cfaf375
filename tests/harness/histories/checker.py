"""Searches for a serial order that explains a recorded history (linearizability).

The search of Wing and Gong with the memory of Lowe: take any call that no other call wholly
precedes, see whether the model answers as recorded, go on from there; go back where nothing fits,
and never look twice at the same set of calls taken with the same state. A call that changes nothing
and fits is taken at once: whatever order explains the rest still does. Calls that have nothing in
common are searched apart.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.harness.histories.drop_model import DropState
from tests.harness.histories.history import BUSY, Call, History
from tests.harness.histories.model import DROP, READS, Key, Model, State

MAX_STATES = 300_000
"""Looked at per part of a history; then it is undecided. Histories here need some hundreds."""


class Undecided(Exception):
    """The search was ended before it found an order, or that there is none."""


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Calls that no serial order explains, and the most of them that one does."""

    calls: list[Call]
    explained: list[Call]
    ends: bool
    """True if the final state is part of what is not explained."""


@dataclass(frozen=True, slots=True)
class _Node:
    taken: int
    state: State
    last: Call | None = None
    before: "_Node | None" = None

    def path(self) -> list[Call]:
        calls: list[Call] = []
        node: _Node | None = self
        while node is not None and node.last is not None:
            calls.append(node.last)
            node = node.before
        return calls[::-1]


def unexplained(history: History, *, with_end: bool = True) -> list[Unexplained]:
    """The parts of a history that no serial order explains; none where all is well."""
    model = Model(history.setup, history.calls, history.end.get("drop"))
    found = []
    for part, keys in parts(model, relevant(history.calls)):
        is_end = _end_of(history, model, keys) if with_end else lambda _: True
        deepest = _search(model, part, is_end)
        if deepest is not None:
            found.append(Unexplained(part, deepest, with_end))
    return found


def relevant(calls: Sequence[Call]) -> list[Call]:
    """Calls that say something: not those known to have changed nothing, nor unanswered reads.

    A replayed refusal repeats what was true once: it is held against its first answer elsewhere.
    """
    return [
        call
        for call in calls
        if call.refusal not in BUSY
        and not (call.answer is None and call.kind in READS)
        and not (call.refusal is not None and call.is_replay)
    ]


def parts(model: Model, calls: Sequence[Call]) -> Iterator[tuple[list[Call], set[Key]]]:
    """The calls parted so that no two parts touch the same thing; with what each part touches."""
    groups: list[tuple[list[Call], set[Key]]] = []
    for call in calls:
        together, keys = [call], model.touched(call)
        apart = []
        for group in groups:
            if group[1] & keys:
                together, keys = group[0] + together, group[1] | keys
            else:
                apart.append(group)
        groups = [*apart, (together, keys)]
    for together, keys in groups:
        yield sorted(together, key=lambda call: call.start), keys


def _search(
    model: Model, calls: Sequence[Call], is_end: Callable[[State], bool]
) -> list[Call] | None:
    """None where an order explains the calls; else the longest that was explained."""
    everything = (1 << len(calls)) - 1
    root = deepest = _Node(0, model.start())
    seen: set[tuple[int, frozenset[tuple[Key, Any]]]] = set()
    ways = [_steps(model, calls, root)]
    while ways:
        node = next(ways[-1], None)
        if node is None:
            ways.pop()
            continue
        mark = node.taken, _frozen(node.state)
        if mark in seen:
            continue
        seen.add(mark)
        if len(seen) > MAX_STATES:
            raise Undecided(f"{len(calls)} calls, {MAX_STATES} states")
        if node.taken.bit_count() > deepest.taken.bit_count():
            deepest = node
        if node.taken == everything and is_end(node.state):
            return None
        ways.append(_steps(model, calls, node))
    return deepest.path()


def _steps(model: Model, calls: Sequence[Call], node: _Node) -> Iterator[_Node]:
    """Yield the nodes that one more call leads to."""
    pending = [(1 << n, call) for n, call in enumerate(calls) if not node.taken >> n & 1]
    horizon = min((call.end for _, call in pending), default=0)
    next_ones = [(bit, call) for bit, call in pending if call.start < horizon]
    fitting = [
        (bit, call, changes)
        for bit, call in next_ones
        for changes in _fitting(model, node.state, call)
    ]
    for bit, call, changes in fitting:
        if not changes:
            yield _Node(node.taken | bit, node.state, call, node)
            return
    for bit, call, changes in sorted(fitting, key=lambda each: each[1].answer is None):
        yield _Node(node.taken | bit, {**node.state, **changes}, call, node)
    for bit, call in next_ones:
        if call.answer is None:  # it did not happen
            yield _Node(node.taken | bit, node.state, node.last, node.before)


def _fitting(model: Model, state: State, call: Call) -> Iterator[dict[Key, Any]]:
    """Yield the changes that the call may have made; without an answer, only non-empty ones."""
    for answer, changes in model.outcomes(state, call):
        if changes if call.answer is None else _same(answer, call.answer):
            yield changes


def _same(answer: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    return dict(answer) == dict(recorded)


def _frozen(state: State) -> frozenset[tuple[Key, Any]]:
    return frozenset(
        (key, tuple(sorted(value.items())) if isinstance(value, dict) else value)
        for key, value in state.items()
    )


def _end_of(history: History, model: Model, keys: set[Key]) -> Callable[[State], bool]:
    """Return a check that a state equals the final rows, in the keys that these calls touch."""
    end = history.end
    expected: dict[Key, Any] = {
        **{("stock", name): units for name, units in end["stock"].items()},
        **{("on_hand", name): units for name, units in end["on_hand"].items()},
        **{("balance", name): points for name, points in end["balance"].items()},
        **{("copy", name): status for name, status in end["copies"].items()},
        ("left",): end["left"],
        **({DROP: end["drop"]["rows"]} if "drop" in end else {}),
    }
    buyers = {key[1] for key in keys if key[0] == "balance"}
    orders = Counter(order_content(each) for each in end["orders"] if each["buyer"] in buyers)

    def is_end(state: State) -> bool:
        return all(
            _rows(state.get(key)) == expected.get(key) for key in keys if key[0] in _ROWS
        ) and orders == _orders_of(state, model, buyers)

    return is_end


_ROWS = frozenset({"stock", "on_hand", "balance", "copy", "left", "drop"})


def _rows(value: Any) -> Any:
    return value.rows() if isinstance(value, DropState) else value


def order_content(order: Mapping[str, Any]) -> tuple[Any, ...]:
    """An order without its name: two wishes for the same are the same."""
    lines = tuple(sorted((product, quantity) for product, quantity in order["lines"]))
    gone = tuple(sorted(order.get("gone", {}).items()))
    return (
        order["buyer"], lines, order["method"], order["points"], order["discount"],
        order["status"], gone,
    )  # fmt: skip


def _orders_of(state: State, model: Model, buyers: set[str]) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    for key, status in state.items():
        if key[0] != "order":
            continue
        order_request = model.order_request(key[1])
        if order_request["buyer"] in buyers:
            points, discount = model.paid(order_request)
            order = {**order_request, "points": points, "discount": discount, "status": status}
            order["gone"] = state.get(("gone", key[1]), {})
            found[order_content(order)] += 1
    return found
