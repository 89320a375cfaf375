"""Drills: `make drill` lists them, `make drill DRILL=redrive` runs one.

Each runs on a system of its own, started from the parts of the local one, as what it breaks would
harm the system that `make up` runs; `make drill NIGHT=1` is the drill on that one. Exit code 1
where something did not hold, 2 where nothing was tried.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout

from rich.console import Console
from rich.table import Table

from infra.arguments import whole_number
from infra.drills.frame import Drill, Report, Step, require_local
from infra.drills.parts import own_system
from infra.local.errors import LocalError

WIDTH = 160  # characters, if the output is no terminal
OWN = "a database, cache and queues of its own"

DRILLS = {
    each.name: each
    for each in (
        Drill(
            "migrate",
            "Downgrades the schema of a shop with data as far as this release runs on it, and"
            " upgrades it while orders go on: no lock is held for 3 s, and the books hold.",
            OWN,
            200,
            "orders",
        ),
        Drill(
            "secrets",
            "Rotates each secret as docs/production.md says: what is under way is accepted, and"
            " the old secret is refused afterwards.",
            OWN,
            3,
            "execution environments, which read secrets at different times",
        ),
        Drill(
            "restore",
            "Restores a backup to a moment, proves the books there, and names what happened after"
            " it: orders, charges, notices and events.",
            "two PostgreSQL servers of its own",
            30,
            "orders before the moment",
        ),
        Drill(
            "cache",
            "Kills Valkey and starts it empty while likes, views, lists and orders go on: no answer"
            " is 5xx or wrong, and the rankings are rebuilt.",
            "a database and a Valkey of its own",
            60,
            "requests in each state of the cache",
        ),
        Drill(
            "bus",
            "Lets the bus refuse, and be unreachable, for an hour while orders go on: afterwards"
            " every event is delivered once and in its place.",
            OWN,
            60,
            "orders without a bus",
        ),
        Drill(
            "redrive",
            "Redrives dead letters of real orders through the console's API, at full speed and at"
            " a rate: each arrives once, none is lost.",
            OWN,
            10_000,
            "dead letters",
        ),
    )
}


def main(arguments: Sequence[str] | None = None) -> int:
    """List the drills, or run one; returns the exit code."""
    options = _parser().parse_args(arguments)
    console = Console(
        file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else WIDTH
    )
    if not options.drill:
        _list(console)
        return 0
    if options.drill not in DRILLS:
        console.print(f"There is no drill {options.drill!r}. There are: {', '.join(DRILLS)}")
        return 2
    try:
        return _run(DRILLS[options.drill], options, console)
    except LocalError as error:
        console.print(str(error), markup=False)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("drill", nargs="?", default="")
    parser.add_argument("--count", type=whole_number, help="how much of it; `make drill` has units")
    parser.add_argument("--json", action="store_true", help="the outcome for programs, alone")
    return parser


def _run(drill: Drill, options: argparse.Namespace, console: Console) -> int:
    import os

    require_local(os.environ)
    count = options.count or drill.count
    began = time.monotonic()
    if not options.json:
        console.print(f"{drill.name}: {drill.sentence}\nIt acts on {drill.acts_on}.")

    def announce(step: Step) -> None:
        if not options.json:
            mark = "✓" if step.holds else "✗"
            console.print(f"{mark} {step.name}: {step.proof}", markup=False)

    # What the functions print is kept apart from what the drill says.
    with tempfile.TemporaryFile("w+") as log, redirect_stdout(log), own_system():
        report = drill.run(count, announce)
    seconds = time.monotonic() - began
    if options.json:
        console.file.write(json.dumps(drill.as_json(report, seconds), indent=1) + "\n")
    else:
        console.print(table_of(drill, report))
        verdict = "✓ Everything held" if report.holds else "✗ Something did not hold"
        console.print(f"{verdict}, after {seconds:.0f} s. Nothing is left of the drill.")
    return 0 if report.holds else 1


def table_of(drill: Drill, report: Report) -> Table:
    """Return the table of a drill's steps."""
    table = Table(title=f"The drill {drill.name}", show_lines=True)
    for column in ("", "Step", "Proven here", "Only AWS can show"):
        table.add_column(column, overflow="fold")
    for each in report.steps:
        table.add_row("✓" if each.holds else "✗", each.name, each.proof, each.only_aws)
    return table


def _list(console: Console) -> None:
    table = Table(title="make drill DRILL=…")
    for column in ("Drill", "What it does", "It acts on", "By default"):
        table.add_column(column, overflow="fold")
    for each in DRILLS.values():
        table.add_row(each.name, each.sentence, each.acts_on, f"{each.count} {each.counted}")
    console.print(table)
    console.print("DRILL_ARGS='--count 200 --json' sets how much, and prints JSON alone.")
    console.print("NIGHT=1: eleven incidents of a night on the system that make up runs.")


if __name__ == "__main__":
    sys.exit(main())
