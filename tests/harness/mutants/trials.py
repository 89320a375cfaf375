"""Trials of mutants: each in a copy of the project, with a database and a cache of its own.

Workers are forks that have imported all packages, so that a trial imports the project only.
"""

import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import import_module
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Self

import pytest

from infra.template import ROOT
from tests.harness.mutants.planted_bugs import Mutant
from tests.support.shared_servers import RUNNING_SERVERS

TRIAL_SECONDS = 300  # of one mutant's tests; a mutant that hangs for longer is found as well
BASELINE_SECONDS = 3600
FIRST_VALKEY_DATABASE = 1
PACKAGES = (
    "alembic.command", "aws_lambda_powertools.event_handler.openapi.models",
    "aws_lambda_powertools.utilities.batch", "aws_lambda_powertools.utilities.idempotency",
    "boto3.session", "botocore.handlers", "hypothesis.strategies", "jwt", "pg8000.dbapi",
    "redis.cluster", "sqlalchemy.dialects.postgresql", "urllib3.poolmanager", "yaml",
)  # fmt: skip
_PROJECT = {"commerce", "functions", "infra", "tests"}
_NOT_COPIED = (".venv*", ".git", ".local", ".aws-sam", ".*_cache", ".hypothesis", "__pycache__")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_FORK = multiprocessing.get_context("fork")


class Verdict(StrEnum):
    """The result of a trial."""

    KILLED = "killed"
    HUNG = "hung"
    SURVIVED = "survived"
    UNUSABLE = "unusable"
    """No test ran: none was collected, or the code cannot be imported."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on a mutant, the first test that failed, and pytest's output."""

    verdict: Verdict
    killer: str
    seconds: float
    output: str

    @property
    def is_killed(self) -> bool:
        """True where the tests noticed the mutant."""
        return self.verdict in (Verdict.KILLED, Verdict.HUNG)


class Trials:
    """Workers, each with a copy of the project in which it plants one mutant at a time."""

    def __init__(self, servers: dict[str, str], directory: Path, workers: int) -> None:
        for name in PACKAGES:
            import_module(name)
        trees: SimpleQueue[tuple[int, Path]] = _FORK.SimpleQueue()
        for number in range(workers):
            trees.put((number, _copied(directory / f"tree{number}")))
        self._pool = ProcessPoolExecutor(workers, _FORK, _begin_work, (servers, trees))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def without_mutant(self, tests: Sequence[str]) -> Outcome:
        """Run tests on the project as it is: all must pass, or no trial means anything."""
        return self._pool.submit(_run_unchanged, tests).result()

    def begin(self, mutant: Mutant) -> Future[Outcome]:
        """Plant a mutant, once a worker is free, and run its tests until one fails."""
        return self._pool.submit(_try, mutant)


class _Worker:
    """A worker's copy of the project, and the servers of its tests."""

    servers: dict[str, str]
    tree: Path


def _copied(tree: Path) -> Path:
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*_NOT_COPIED))
    for environment in ROOT.glob(".venv*"):
        (tree / environment.name).symlink_to(environment)
    return tree


def _begin_work(servers: dict[str, str], trees: "SimpleQueue[tuple[int, Path]]") -> None:
    number, _Worker.tree = trees.get()
    cache = f"{servers['VALKEY_URL'].rpartition('/')[0]}/{FIRST_VALKEY_DATABASE + number}"
    _Worker.servers = servers | {"VALKEY_URL": cache}


def _run_unchanged(tests: Sequence[str]) -> Outcome:
    return _run(tests, BASELINE_SECONDS, _Worker.servers)


def _try(mutant: Mutant) -> Outcome:
    # Servers that run have a schema made without the bug.
    is_of_schema = mutant.file.startswith("infra/migrations/versions")
    with _planted(mutant):
        return _run(mutant.tests, TRIAL_SECONDS, {} if is_of_schema else _Worker.servers)


@contextmanager
def _planted(mutant: Mutant) -> Iterator[None]:
    path = _Worker.tree / mutant.file
    before, modified = path.read_bytes(), path.stat().st_mtime
    mutant.plant(_Worker.tree)
    try:
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, (modified, modified))  # so that its compiled file is the right one again


def _run(tests: Sequence[str], seconds: float, servers: dict[str, str]) -> Outcome:
    started = time.monotonic()
    output = _Worker.tree.with_suffix(".output")
    child = _FORK.Process(target=partial(_pytest, tests, servers, output))
    child.start()
    child.join(seconds)
    is_hung = child.is_alive()
    with suppress(ProcessLookupError):
        os.killpg(child.pid or 0, signal.SIGKILL)  # with all that the tests have started
    child.join()
    text = output.read_text(encoding="utf-8", errors="replace")
    failed = _FAILED.search(text)
    if is_hung:
        verdict = Verdict.HUNG
    elif child.exitcode == pytest.ExitCode.OK:
        verdict = Verdict.SURVIVED
    elif child.exitcode == pytest.ExitCode.TESTS_FAILED and failed:
        verdict = Verdict.KILLED
    else:
        verdict = Verdict.UNUSABLE
    return Outcome(verdict, failed[1] if failed else "", time.monotonic() - started, text)


def _pytest(tests: Sequence[str], servers: dict[str, str], output: Path) -> None:
    """Run pytest in this process, which is a fork, on the worker's tree."""
    os.setsid()
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(_Worker.tree)
    if servers:
        os.environ[RUNNING_SERVERS] = json.dumps(servers)
    for name in [each for each in sys.modules if each.partition(".")[0] in _PROJECT]:
        del sys.modules[name]
    ours = {str(ROOT), str(ROOT / "layers/domain/python"), ""}
    sys.path[:] = [each for each in sys.path if each not in ours]
    options = ["-x", "-q", "--tb=short", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of packages imported before
    code = pytest.main([*options, *tests])
    sys.stdout.flush()
    os._exit(code)
