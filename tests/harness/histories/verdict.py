"""The verdict on a history, and its report."""

from dataclasses import dataclass, field

from tests.harness.histories.checker import Undecided, Unexplained, unexplained
from tests.harness.histories.history import Call, History, as_text
from tests.harness.histories.invariants import violations
from tests.harness.histories.shrink import shrunk


@dataclass(frozen=True, slots=True)
class Verdict:
    """Result of the checks."""

    broken: list[str]
    parts: list[Unexplained] = field(default_factory=list)
    is_undecided: bool = False

    @property
    def holds(self) -> bool:
        """Return whether nothing is wrong, as far as was decided."""
        return not self.broken and not self.parts


def judge(history: History) -> Verdict:
    """Check everything: the rows and events, and whether a serial order explains the answers."""
    broken = violations(history)
    try:
        return Verdict(broken, unexplained(history))
    except Undecided:
        return Verdict(broken, is_undecided=True)


def report(history: History) -> str:
    """Describe what is wrong: sentences, then the smallest set of calls that no order explains."""
    lines = [f"seed {history.seed}: {each}" for each in violations(history)]
    try:
        part = shrunk(history)
    except Undecided as undecided:
        lines.append(f"seed {history.seed}: undecided ({undecided})")
    else:
        lines += [_part_as_text(part, history)] if part is not None else []
    return "\n".join(lines) or f"seed {history.seed}: a serial order explains every answer"


def _part_as_text(part: Unexplained, history: History) -> str:
    explained = {call.id for call in part.explained}
    left: list[Call] = [call for call in part.calls if call.id not in explained]
    setup = history.setup
    text = [
        f"seed {history.seed}: no serial order explains these {len(part.calls)} calls",
        f"  stock {setup.stock} at {setup.price}, points {setup.points}, coupons {setup.copies}",
        *(f"  {line}" for line in as_text(part.calls).splitlines()),
    ]
    if left:
        text.append("  the longest order there is leaves out:")
        text += [f"  {line}" for line in as_text(left).splitlines()]
    if part.ends:
        end = {name: part_ for name, part_ in history.end.items() if name != "orders"}
        orders = [f"{each['about']} {each['status']}" for each in history.end["orders"]]
        text.append(f"  and then there was {end}, orders: {', '.join(orders)}")
    return "\n".join(text)
