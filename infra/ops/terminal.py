"""Output for people: answers on standard output, progress and questions on standard error."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

WIDTH = 200  # characters, if the output is no terminal

people = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
aside = Console(stderr=True, highlight=False)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; None is an empty cell."""
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    people.print(table)


def show_fields(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table of these fields, which are its headings too."""
    show_table(
        [name.replace("_", " ") for name in names], [[row[name] for name in names] for row in rows]
    )


def show_error(text: str) -> None:
    """Print a line that says what failed or was found."""
    people.print(f"✗ {text}", style="red", markup=False)


def age(seconds: float | None) -> str:
    """Return a duration in its largest unit; empty for None."""
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@contextmanager
def progress_bar(
    title: str, total: int, options: argparse.Namespace
) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; yields what to call with the number done so far."""
    with Progress(console=aside, transient=True, disable=options.json) as shown:
        task = shown.add_task(title, total=total)
        yield lambda done: shown.update(task, completed=done)


def counter(options: argparse.Namespace) -> Callable[[str, int], None]:
    """Return what to call with a name and the number done so far, to show both on one line."""

    def show(name: str, done: int) -> None:
        if not options.json:
            aside.print(f"{name}: {done}", style="dim", end="\r")

    return show
