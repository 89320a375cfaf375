"""Figures as a table for people and as JSON for programs. They are measured, never asserted."""

import json
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import psutil
from rich.console import Console
from rich.table import Table

ARTIFACTS = Path(__file__).parents[3] / ".local" / "artifacts"


@dataclass(frozen=True, slots=True)
class Timing:
    """Many runs of the same thing."""

    runs: int
    p50_ms: float
    p99_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Timing":
        """Sum up what was measured, at least a hundred runs."""
        percent = statistics.quantiles(seconds, n=100)
        return cls(len(seconds), round(percent[49] * 1000, 3), round(percent[98] * 1000, 3))


@dataclass(slots=True)
class Figure:
    """One line of a table."""

    what: str
    values: dict[str, float | int | str]
    goal: str = ""


@dataclass(slots=True)
class Report:
    """A benchmark's results, with the machine it ran on."""

    figures: dict[str, list[Figure]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    console: Console = field(default_factory=lambda: Console(highlight=False, width=160))

    def say(self, text: str) -> None:
        """Tell what is being done."""
        self.console.print(f"… {text}")

    def add(self, table: str, what: str, goal: str = "", **values: float | str) -> None:
        """Add a line to a table."""
        self.figures.setdefault(table, []).append(Figure(what, values, goal))

    def note(self, text: str) -> None:
        """Add what a reader of the tables has to know, or why something was skipped."""
        self.notes.append(text)

    def show(self) -> None:
        """Print the tables, and the notes below them."""
        for name, figures in self.figures.items():
            columns = list(dict.fromkeys(key for each in figures for key in each.values))
            table = Table(title=name, title_justify="left")
            table.add_column("what", no_wrap=True)
            for column in [*columns, "goal"]:
                table.add_column(column.replace("_", " "), justify="right")
            for each in figures:
                cells = [str(each.values.get(column, "")) for column in columns]
                table.add_row(each.what, *cells, each.goal)
            self.console.print(table)
        for note in self.notes:
            self.console.print(note)

    def keep(self, name: str, page: str) -> None:
        """Write a page to .local/artifacts."""
        file = ARTIFACTS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(page, encoding="utf-8")
        self.say(f"wrote {file}")

    def write(self, file: Path) -> None:
        """Write everything as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        machine = {
            "python": platform.python_version(),
            "processors": psutil.cpu_count(),
            "load": psutil.getloadavg()[0],
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        tables = {name: [asdict(each) for each in found] for name, found in self.figures.items()}
        result = {"machine": machine, "tables": tables, "notes": self.notes}
        file.write_text(json.dumps(result, indent=2) + "\n")


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds the work took."""
    started = perf_counter()
    work()
    return perf_counter() - started
