"""Check recorded histories for linearizability: `make histories`, ARGS="--histories 500".

Servers of its own are started, and nothing is left behind. Each planted bug is hunted first, so
that a hunt that finds nothing says something. A history that fails is kept as JSON; `--replay FILE`
judges it again, with no servers. Exit code 1 where a history fails, or a planted bug is not found.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.table import Table

from tests.harness.histories.history import History
from tests.harness.histories.verdict import judge, report
from tests.harness.servers import servers

if TYPE_CHECKING:
    from tests.harness.histories.hunt import Hunt
    from tests.harness.histories.planted import Plant
    from tests.harness.histories.recorder import Recorder

KEPT = Path(".local/histories")
PLANTED = 40  # histories in which a planted bug must be found
REPLAYS = 15  # plans played again to make a failing one smaller


def main() -> None:
    """Hunt, show a table, and the smallest failing history of each hunt that found one."""
    parser = argparse.ArgumentParser(prog="make histories", description=__doc__)
    parser.add_argument("--histories", type=int, default=300)
    parser.add_argument("--clients", type=int, default=5, help="at the same time")
    parser.add_argument("--calls", type=int, default=6, help="of each client, before duplicates")
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--no-planted", action="store_true", help="hunt no planted bugs first")
    parser.add_argument("--replay", type=Path, help="judge a kept history, with no servers")
    arguments = parser.parse_args()
    console = Console(highlight=False, width=140)
    if arguments.replay:
        sys.exit(_replay(console, arguments.replay))
    with servers() as superuser, _quiet_functions():
        sys.exit(_hunt(console, arguments, superuser))


def _replay(console: Console, path: Path) -> int:
    history = History.load(path)
    console.print(report(history), markup=False)
    return 0 if judge(history).holds else 1


def _hunt(console: Console, arguments: argparse.Namespace, superuser: str) -> int:
    from tests.harness.histories.planted import BUGS  # imported when the environment is set

    hunts = _Hunts(console, arguments, superuser)
    planted = {} if arguments.no_planted else BUGS
    missed = [
        name for name, plant in planted.items() if hunts.run(name, PLANTED, plant).failing is None
    ]
    found = hunts.run("as it is", arguments.histories)
    console.print(hunts.table)
    for name in missed:
        console.print(f"not found, though planted: {name}")
    if found.failing is not None:
        kept = KEPT / f"{found.failing.seed}.json"
        found.failing.save(kept)
        console.print(f'kept; again with: make histories ARGS="--replay {kept}"')
    return 1 if missed or found.undecided or found.failing is not None else 0


class _Hunts:
    """One hunt after the other, each in a shop of its own, and their table."""

    def __init__(self, console: Console, arguments: argparse.Namespace, superuser: str) -> None:
        self._console = console
        self._arguments = arguments
        self._superuser = superuser
        self.table = Table(title="Is there a serial order that explains every answer?")
        self.table.add_column("the shop")
        for name in ("histories", "calls", "unknown", "replayed", "refused", "events", "seconds"):
            self.table.add_column(name, justify="right")
        self.table.add_column("found")

    def run(self, name: str, count: int, plant: "Plant | None" = None) -> "Hunt":
        """Play so many histories, or up to the first that fails."""
        from tests.harness.histories.hunt import hunt

        def progress(so_far: "Hunt") -> None:
            if so_far.histories % 10 == 0:
                self._console.print(f"… {name}: {so_far.histories} of {count} histories")

        began, asked = time.monotonic(), self._arguments
        with _a_recorder(self._superuser, asked.clients) as recorder, _with(plant):
            found = hunt(
                recorder,
                range(asked.seed, asked.seed + count),
                clients=asked.clients,
                calls=asked.calls,
                replays=REPLAYS,
                progress=progress,
            )
        self._add(name, found, time.monotonic() - began)
        if found.failing is not None:
            self._console.print(f"{name}:\n{found.report}\n", markup=False)
        return found

    def _add(self, name: str, found: "Hunt", seconds: float) -> None:
        counts = (found.histories, found.calls, found.unknown, found.replayed, found.refused)
        numbers = [f"{each:,}" for each in (*counts, found.events)]
        self.table.add_row(name, *numbers, f"{seconds:.1f}", _outcome(found))


def _outcome(found: "Hunt") -> str:
    if found.failing is not None:
        smallest = len((found.smallest or found.failing).calls)
        return f"in history {found.histories} (seed {found.failing.seed}), {smallest} calls left"
    undecided = f", {len(found.undecided)} undecided" if found.undecided else ""
    return f"nothing{undecided}"


@contextmanager
def _a_recorder(superuser: str, clients: int) -> Iterator["Recorder"]:
    """Clients in a shop with a database of its own."""
    from commerce.runtime.db.current import database
    from tests.harness.histories.recorder import Recorder
    from tests.support import backends
    from tests.support.valkey import empty_valkey

    with backends.own_database(superuser) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        database().close()
        empty_valkey()
        recorder = Recorder(clients)
        try:
            yield recorder
        finally:
            recorder.close()
            database().close()


@contextmanager
def _with(plant: "Plant | None") -> Iterator[None]:
    from tests.harness.histories.planted import planted

    if plant is None:
        yield
        return
    with planted(plant):
        yield


@contextmanager
def _quiet_functions() -> Iterator[None]:
    """The functions' own log goes nowhere."""
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"  # read when telemetry is imported
    from commerce.entrypoints.telemetry import logger
    from commerce.runtime.cache import valkey

    valkey.TIMEOUT_SECONDS = 5.0  # as in the tests, however busy the machine is
    os.environ.setdefault("FINGERPRINT_KEY", "the fingerprints of histories are nobody's")
    with Path(os.devnull).open("w") as nowhere:
        for each in logger.handlers:
            each.setStream(nowhere)  # type: ignore[attr-defined]
        yield


if __name__ == "__main__":
    main()
