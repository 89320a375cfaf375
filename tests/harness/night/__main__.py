"""A night on call: eleven incidents on the running local system, `make drill NIGHT=1`.

Each is caused for real; the console, open in a browser, must show it, and never call all well until
it is mended as its runbook says. The table has the words, their delay, and the mend. At the end the
books must hold and the delivery system must know every paid order. It needs a system that `make up`
runs, and changes nothing but that one. Exit code 1 where something was not shown, or not mended.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console as Terminal
from rich.table import Table

from infra.local.errors import LocalError
from infra.local.functions import running_system
from tests.e2e.eventually import eventually
from tests.e2e.shop import Shop
from tests.e2e.stack import Addresses, Stack
from tests.harness.night.console import Expected, open_console
from tests.harness.night.incidents import LAST, QUICK, SLOW, Incident, Night

WELL_WITHIN_SECONDS = 420  # a new system is checked by the next five minutes' schedule
DELIVERED_WITHIN_SECONDS = 300


@dataclass(slots=True)
class Outcome:
    """An incident's way: the words that showed it, after how long, and what is wrong with that."""

    incident: Incident
    shown: Expected
    mended_seconds: float | None = None
    problem: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the row for programs."""
        return {
            "incident": self.incident.name,
            "panel": self.shown.panel,
            "words": self.shown.seen,
            "shown_after_seconds": self.shown.after_seconds,
            "mend": self.incident.mend_text,
            "mended_in_seconds": self.mended_seconds,
            "problem": self.problem,
        }


class Drill:
    """The night: incidents are caused, looked for on the console, pictured and mended."""

    def __init__(self, night: Night, terminal: Terminal, screens: Path | None) -> None:
        self._night, self._terminal, self._screens = night, terminal, screens
        self.outcomes: list[Outcome] = []

    def run(self, only: str) -> None:
        """Run the incidents whose name has that word; all if it is empty."""
        self._night.console.wait_until_well(WELL_WITHIN_SECONDS)
        slow, quick, last = (
            [each(self._night) for each in kind if only in each.__name__]
            for kind in (SLOW, QUICK, LAST)
        )
        begun = [self._cause(each) for each in slow]
        for each in quick:
            outcome = self._cause(each)
            self._see(outcome)
            self._mend(outcome)
        for outcome in begun:
            self._see(outcome)
        for outcome in reversed(begun):  # the gateway first: payments need it
            self._mend(outcome)
        for each in last:
            outcome = self._cause(each)
            self._see(outcome)
            self._mend(outcome)

    def problems(self) -> list[str]:
        """Return what is not as it should be at the end of the night."""
        night = self._night
        found = [f"{each.incident.name}: {each.problem}" for each in self.outcomes if each.problem]
        found += night.console.lies
        found += [f"the page failed: {each}" for each in night.console.errors]
        books = night.ops("reconcile")
        found += [f"books: {each}" for each in books["findings"]]
        for order_id in night.paid:
            try:
                eventually(
                    lambda: night.stack.delivery.notices(order_id),  # noqa: B023
                    within_seconds=DELIVERED_WITHIN_SECONDS,
                )
            except AssertionError:
                found.append(f"the delivery system does not know order {order_id}")
        try:
            night.console.wait_until_well(WELL_WITHIN_SECONDS)
        except AssertionError as error:
            found.append(str(error))
        return found

    def _cause(self, incident: Incident) -> Outcome:
        self._terminal.print(f"✗ {incident.name}")
        problem = ""
        try:
            incident.cause()
        except Exception as error:  # noqa: BLE001  # the others of the night go on
            problem = f"could not be caused: {error!r}"
        shown = self._night.console.expect(incident.words, incident.panel)
        self.outcomes.append(Outcome(incident, shown, problem=problem))
        return self.outcomes[-1]

    def _see(self, outcome: Outcome) -> None:
        incident, shown = outcome.incident, outcome.shown
        if outcome.problem:
            return
        try:
            self._night.console.wait_for(shown, incident.within_seconds)
        except AssertionError as error:
            outcome.problem = str(error)
            return
        self._terminal.print(f"  shown after {shown.after_seconds:.0f} s: {shown.seen}")
        if self._screens:
            number = self.outcomes.index(outcome) + 1
            name = f"night-{number:02d}-{type(incident).__name__.lower()}"
            self._night.console.picture(self._screens / name, incident.panel)

    def _mend(self, outcome: Outcome) -> None:
        incident, began = outcome.incident, time.monotonic()
        try:
            incident.mend()
            if not incident.ends_shown and outcome.shown.after_seconds is not None:
                self._night.console.wait_until_gone(outcome.shown, incident.over_within_seconds)
        except Exception as error:  # noqa: BLE001  # the others of the night go on
            outcome.problem = outcome.problem or f"not mended: {error!r}"[:500]
        outcome.shown.is_over = True
        outcome.mended_seconds = time.monotonic() - began
        self._terminal.print(f"  mended in {outcome.mended_seconds:.0f} s")


def table_of(outcomes: Sequence[Outcome]) -> Table:
    """Return the night's table."""
    table = Table("Incident", "Shown after", "Words", "Mend", "Well after", title="The night")
    for each in outcomes:
        after, mended = each.shown.after_seconds, each.mended_seconds
        table.add_row(
            each.incident.name,
            "not shown" if after is None else f"{after:.0f} s",
            each.problem or f"{each.shown.panel}: {each.shown.seen}",
            each.incident.mend_text,
            "" if mended is None else f"{mended:.0f} s",
        )
    return table


def main() -> int:
    """Run the night; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make drill NIGHT=1", description=__doc__)
    parser.add_argument("--only", default="", help="incidents whose class name has this word")
    parser.add_argument("--screens", type=Path, help="the folder for a picture of each state")
    parser.add_argument("--json", type=Path, help="the file for the table as JSON")
    options = parser.parse_args()
    terminal = Terminal(highlight=False, width=None if sys.stdout.isatty() else 160)
    try:
        running = running_system()
    except LocalError as error:
        terminal.print(str(error))
        return 2
    os.environ |= {"AWS_ENDPOINT_URL": running["AWS_ENDPOINT_URL"]}
    stack = Stack(Addresses.read(running))
    with open_console(stack) as console:
        night = Night(stack, Shop(stack), console, running["VALKEY_URL"])
        drill = Drill(night, terminal, options.screens)
        drill.run(options.only)
        problems = drill.problems()
    terminal.print(table_of(drill.outcomes))
    if options.json:
        rows = [each.as_json() for each in drill.outcomes]
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    for each in problems:
        terminal.print(f"✗ {each}")
    if not problems:
        terminal.print(
            "✓ Nothing was called well while it was not; the books hold, and the delivery system"
            f" knows all {len(night.paid)} paid orders."
        )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
