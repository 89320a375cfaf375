"""Show what is being done and how long it took, on a terminal and in a log file alike."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

TITLE_WIDTH = 17


class Stages:
    """One line per stage: its title, what came of it, its seconds."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, markup=False, soft_wrap=True)

    @classmethod
    def silent(cls) -> "Stages":
        """Show nothing, as the tests like it."""
        return cls(Console(quiet=True))

    @contextmanager
    def stage(self, title: str) -> Iterator["Outcome"]:
        """Show a stage while the block runs, and its outcome and seconds when it has ended."""
        outcome = Outcome()
        started = time.monotonic()
        with self._running(title):
            yield outcome
        seconds = f"{time.monotonic() - started:.1f} s"
        line = Text.assemble(
            ("✓ ", "green"),
            (f"{title:<{TITLE_WIDTH}}", "bold"),
            f" {outcome.text} ",
            (seconds, "dim"),
        )
        self.console.print(line)

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line that is no stage."""
        self.console.print(text, style=style)

    @contextmanager
    def _running(self, title: str) -> Iterator[None]:
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            with Progress(*columns, console=self.console, transient=True) as running:
                running.add_task(f"{title} …")
                yield
        else:
            self.console.print(f"… {title}")
            yield


class Outcome:
    """The outcome that a stage prints when it is done."""

    text = ""

    def is_now(self, text: str) -> None:
        """Set the outcome's text."""
        self.text = text
