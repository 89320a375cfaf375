"""Plant bugs one at a time and see that a test finds each: `make mutants`, or a part of it.

    make mutants ARGS="--only stock --only relay"    mutants with one of these words in their name
    make mutants ARGS="--list"                       what is planted, where, and what finds it
    make mutants ARGS="--jobs 4"

The working tree is never changed: bugs are planted in copies. Exit code 1 where more than 5 %
survive, 2 where the list is stale or the tests fail without any bug.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.template import ROOT
from tests.harness.mutants.planted_bugs import Mutant, load, problems
from tests.harness.mutants.trials import Outcome, Trials, Verdict
from tests.support import scratch
from tests.support.backends import start_test_servers

SURVIVORS_ALLOWED = 0.05
SHOWN_LINES = 15  # of pytest's output, where no test ran


def main() -> None:
    """Plant, run and report."""
    arguments = _arguments()
    console = Console(highlight=False, width=150)
    mutants = [each for each in load() if _is_wanted(each, arguments.only)]
    if not mutants:
        sys.exit("no mutant has such a name: --list shows them")
    if stale := list(problems(mutants, ROOT)):
        console.print("\n".join(["The list is stale:", *stale]), markup=False, soft_wrap=True)
        sys.exit(2)
    if arguments.list:
        _list(mutants, console)
        return
    with _trials(arguments.jobs) as trials:
        sys.exit(_run(mutants, trials, arguments, console))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", action="append", default=[], help="part of a mutant's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many mutants at the same time")
    parser.add_argument("--list", action="store_true", help="show the mutants, and plant none")
    parser.add_argument(
        "--no-baseline", action="store_true", help="trust that the tests pass without a mutant"
    )
    return parser.parse_args()


def _is_wanted(mutant: Mutant, words: Sequence[str]) -> bool:
    return not words or any(word in mutant.name for word in words)


@contextmanager
def _trials(jobs: int) -> Iterator[Trials]:
    scratch.use_memory()
    directory = Path(tempfile.mkdtemp(prefix="lastunit-mutants-"))
    try:
        (directory / "servers").mkdir()
        servers = start_test_servers(directory / "servers")
        try:
            with Trials(servers.environment, directory / "trees", jobs) as trials:
                yield trials
        finally:
            servers.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _run(
    mutants: Sequence[Mutant], trials: Trials, arguments: argparse.Namespace, console: Console
) -> int:
    started = time.monotonic()
    tried = [each for each in mutants if not each.explained]
    if not arguments.no_baseline:
        tests = sorted({test for each in tried for test in each.tests})
        console.print(f"Without a mutant: {len(tests)} tests …")
        plain = trials.without_mutant(tests)
        if plain.verdict is not Verdict.SURVIVED:
            _show_output(plain, console)
            console.print("The tests fail without a mutant.", style="bold")
            return 2
        console.print(f"Without a mutant: passed in {plain.seconds:.0f} s")
    outcomes: dict[str, Outcome] = {}
    running = {trials.begin(each): each for each in tried}
    for number, future in enumerate(as_completed(running), start=1):
        name, outcome = running[future].name, future.result()
        outcomes[name] = outcome
        console.print(
            f"{number:3} of {len(tried)}  {outcome.verdict:8} {outcome.seconds:5.1f} s  {name}",
            markup=False,
        )
        if outcome.verdict is Verdict.UNUSABLE:
            _show_output(outcome, console)
    return _report(mutants, outcomes, time.monotonic() - started, console)


def _report(
    mutants: Sequence[Mutant], outcomes: dict[str, Outcome], seconds: float, console: Console
) -> int:
    table = Table("mutant", "", "killed by", title="mutants")
    table.add_column("seconds", justify="right")
    for each in mutants:
        if each.explained:
            table.add_row(each.name, "explained", each.explained, "")
        else:
            outcome = outcomes[each.name]
            table.add_row(each.name, outcome.verdict, outcome.killer, f"{outcome.seconds:.1f}")
    console.print(table)
    killed = sum(each.is_killed for each in outcomes.values())
    unusable = sum(each.verdict is Verdict.UNUSABLE for each in outcomes.values())
    console.print(
        f"{killed} of {len(mutants)} killed ({killed / len(mutants):.0%}), "
        f"{len(mutants) - len(outcomes)} explained, {unusable} unusable, {seconds:.0f} s"
    )
    if unusable:
        return 2
    return int(len(mutants) - killed > SURVIVORS_ALLOWED * len(mutants))


def _list(mutants: Sequence[Mutant], console: Console) -> None:
    table = Table("mutant", "file", "tests")
    for each in mutants:
        table.add_row(each.name, each.file, "\n".join(each.tests) or each.explained)
    console.print(table)


def _show_output(outcome: Outcome, console: Console) -> None:
    lines = outcome.output.splitlines()[-SHOWN_LINES:]
    console.print("\n".join(lines), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
