"""Cut every use case at every step: `make faults`, or a part of it.

    make faults ARGS="place_point pay"                 these use cases
    make faults ARGS="place_point --step 7 --kind kill-after"   one case
    make faults ARGS="charge --list"                   its steps

Exit code 1 where something does not hold.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import count
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.harness.crash.environments import environments

if TYPE_CHECKING:
    from tests.harness.crash.worker import Outcome, Recorded, Task

PROGRESS_SECONDS = 10  # where nothing can be drawn
SILENCE_SECONDS = 900  # without a result from any worker, they are stuck


def main() -> None:
    """Record, cut and report."""
    arguments = _arguments()
    console = Console(highlight=False, width=150)
    with environments(arguments.jobs) as made:
        from tests.harness.crash.preload import preload  # imported when the environment is set

        preload()
        with _Workers(made) as workers:
            sys.exit(_run(arguments, workers, console))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", help="use cases; all where none is named")
    parser.add_argument("--step", type=int, action="append", help="only this step, by its number")
    parser.add_argument("--kind", action="append", help="kill-before, kill-after, fail or hang")
    parser.add_argument("--every", type=int, default=1, help="only every n-th step")
    parser.add_argument("--jobs", type=int, default=2, help="how many cases at the same time")
    parser.add_argument("--minutes", type=float, default=600, help="show what there is by then")
    parser.add_argument("--list", action="store_true", help="show the steps, and cut nothing")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, workers: "_Workers", console: Console) -> int:
    from tests.harness.crash.scenarios import KNOWN_BAD, SCENARIOS, WITHOUT, coverage_errors
    from tests.harness.crash.worker import Task

    if forgotten := list(coverage_errors(SCENARIOS.values(), WITHOUT)):
        sys.exit("\n".join(forgotten))
    names = arguments.names or list(SCENARIOS)
    if unknown := set(names) - {*SCENARIOS, *KNOWN_BAD}:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known are {', '.join(SCENARIOS)}")
    found = {
        each.name: each for each in workers.run([Task(name) for name in names], console, "recorded")
    }
    recorded = [found[name] for name in names]
    broken = [each for each in recorded if each.problems]
    for each in broken:
        console.print(f"{each.name} does not hold, though nothing happened to it:", style="bold")
        console.print("\n".join(each.problems), markup=False, soft_wrap=True)
    if broken or arguments.list:
        for each in recorded:
            _list(each, console)
        return int(bool(broken))
    return _cut(arguments, recorded, workers, console)


def _cut(
    arguments: argparse.Namespace,
    recorded: Sequence["Recorded"],
    workers: "_Workers",
    console: Console,
) -> int:
    tasks = list(_tasks(arguments, recorded))
    if not tasks and any(each.steps for each in recorded):
        sys.exit("no such step: --list shows them")
    outcomes: list[Outcome] = []
    stops_at = time.monotonic() + 60 * arguments.minutes
    for each in workers.run(tasks, console, "cut"):
        outcomes.append(each)
        if each.problems:
            _show_broken(each, console)
        if time.monotonic() > stops_at:
            break
    _show_table(recorded, outcomes, console)
    if len(outcomes) < len(tasks):
        console.print(f"Stopped by --minutes: {len(outcomes)} of {len(tasks)} cases were cut.")
    return int(any(each.problems for each in outcomes))


def _tasks(arguments: argparse.Namespace, recorded: Sequence["Recorded"]) -> Iterator["Task"]:
    from tests.harness.crash.steps import Cut, Kind
    from tests.harness.crash.worker import Task

    met = count(1)  # over all use cases, so that none is too short to be met
    for each in recorded:
        for step in range(1, len(each.steps) + 1):
            if step in arguments.step if arguments.step else next(met) % arguments.every == 0:
                for kind in arguments.kind or Kind:
                    yield Task(each.name, Cut.of(each.steps, step, Kind(kind)), each)


def _list(recorded: "Recorded", console: Console) -> None:
    console.print(f"{recorded.name}: {len(recorded.steps)} steps", style="bold")
    for number, step in enumerate(recorded.steps, start=1):
        console.print(f"{number:4}  {step}", markup=False)


def _show_table(
    recorded: Sequence["Recorded"], outcomes: Sequence["Outcome"], console: Console
) -> None:
    from tests.harness.crash.steps import Kind

    table = Table("use case", title="held / cut")
    for column in ("steps", *Kind, "all"):
        table.add_column(column, justify="right")
    for each in recorded:
        mine = [outcome for outcome in outcomes if outcome.name == each.name]
        cells = [_held([o for o in mine if o.cut.kind is kind]) for kind in Kind]
        table.add_row(each.name, str(len(each.steps)), *cells, _held(mine))
    cells = [_held([o for o in outcomes if o.cut.kind is kind]) for kind in Kind]
    table.add_section()
    table.add_row("all", str(sum(len(each.steps) for each in recorded)), *cells, _held(outcomes))
    console.print(table)


def _show_broken(outcome: "Outcome", console: Console) -> None:
    console.print(
        f"\n{outcome.name}, step {outcome.cut.step} ({outcome.step}), {outcome.cut.kind}:"
        f"\n  " + "\n  ".join(outcome.problems) + f"\n  again: make faults "
        f'ARGS="{outcome.name} --step {outcome.cut.step} --kind {outcome.cut.kind}"',
        markup=False,
        soft_wrap=True,
    )


def _held(outcomes: Sequence["Outcome"]) -> str:
    return f"{sum(1 for each in outcomes if not each.problems)}/{len(outcomes)}"


class _Workers:
    """Forks of this process, each with its own environment, that take one task after another."""

    def __init__(self, made: Sequence[dict[str, str]]) -> None:
        from tests.harness.crash.worker import serve

        context = multiprocessing.get_context("fork")
        self._workers: dict[Connection, Any] = {}
        for each in made:
            ours, theirs = context.Pipe()
            self._workers[ours] = context.Process(target=serve, args=(each, theirs), daemon=True)

    def __enter__(self) -> "_Workers":
        for worker in self._workers.values():
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.terminate()
            worker.join()

    def run(self, tasks: Sequence["Task"], console: Console, what: str) -> Iterator[Any]:
        """Yield each task's result in the order in which they end, and show progress."""
        left, printed_at = iter(tasks), time.monotonic()
        for worker, task in zip(self._workers, left, strict=False):
            worker.send(task)
        columns = (TextColumn(what), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TextColumn("{task.fields[last]}"), console=console) as progress:
            shown = progress.add_task(what, total=len(tasks), last="")
            for number, _ in enumerate(tasks, start=1):
                worker, one = self._next()
                if (following := next(left, None)) is not None:
                    worker.send(following)
                progress.update(shown, advance=1, last=one.name)
                if not console.is_terminal and time.monotonic() > printed_at + PROGRESS_SECONDS:
                    printed_at = time.monotonic()
                    console.print(f"… {what}: {number} of {len(tasks)}, {one.name}")
                yield one

    def _next(self) -> tuple[Connection, Any]:
        ready = wait(self._workers, SILENCE_SECONDS)
        if not ready:
            raise RuntimeError("no worker answers")
        worker = ready[0]
        assert isinstance(worker, Connection)
        return worker, worker.recv()


if __name__ == "__main__":
    main()
