"""A worker: it runs cases one after another in its own environment, each part in a fork."""

import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.shared import clock
from tests.harness.crash.cases import AGAIN, QUEUE, Case, Scenario
from tests.harness.crash.forked import ForkResult, Report, run_in_fork
from tests.harness.crash.recovery import (
    PATIENCE_SECONDS,
    facts,
    is_unpaid,
    problems,
    run_until_idle,
    triggers,
    wait_for_locks,
)
from tests.harness.crash.scenarios import KNOWN_BAD, SCENARIOS, with_new_key
from tests.harness.crash.steps import Cut, Journal, Kind, watch
from tests.support import lambda_calls
from tests.support.lambda_calls import Handler, lambda_context
from tests.support.queues import purge_nudges
from tests.support.shop import rows
from tests.support.valkey import empty_valkey, forget_breaker, forget_nudges

WORKER_SECONDS = 240  # two time-outs in a row, on the busiest machine
FUNCTION_SECONDS = 0.5  # a cut worker's time-out: so long its key is said to be in progress
PAUSE_SECONDS = 0.05
MAX_RETRIES = 3
CASES_BETWEEN_PURGES = 20


@dataclass(frozen=True, slots=True)
class Recorded:
    """An undisturbed run: its steps and its outcome."""

    name: str
    steps: tuple[str, ...]
    facts: dict[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A run to do; without a cut it is recorded."""

    name: str
    cut: Cut | None = None
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a cut run, which held where there are no problems."""

    name: str
    cut: Cut
    step: str
    problems: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class _Run:
    """A case while it runs."""

    scenario: Scenario
    since: int
    case: Case
    problems: list[str] = field(default_factory=list)


def serve(environment: dict[str, str], orders: Connection) -> None:
    """Do tasks for as long as the parent lives. The functions' log is discarded."""
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    parent, done = os.getppid(), 0
    while os.getppid() == parent:
        if orders.poll(1):
            orders.send(_done(orders.recv()))
            done += 1
            if done % CASES_BETWEEN_PURGES == 0:
                run_in_fork(lambda _: purge_nudges())


def _done(task: Task) -> Recorded | Outcome:
    scenario = {**SCENARIOS, **KNOWN_BAD}[task.name]
    if task.cut is None or task.recorded is None:
        return _record(scenario)
    started = time.monotonic()
    name = task.recorded.steps[task.cut.step - 1]
    try:
        found = _cut_run(scenario, task.cut, task.recorded)
    except (RuntimeError, TimeoutError) as error:
        found = [str(error)]
    return Outcome(task.name, task.cut, name, tuple(found), time.monotonic() - started)


def _record(scenario: Scenario) -> Recorded:
    try:
        run = _arranged(scenario)
        steps, answer, called = run_in_fork(
            lambda report: _watched(scenario, run.case, None, report), within_seconds=WORKER_SECONDS
        ).require()
        _judge_answer(run, answer, is_retryable=False)
        if scenario.of in triggers() and called != {scenario.of}:
            run.problems.append(f"it is said to be of {scenario.of}, and calls {called}")
        answer, found = _recover(run, answer)
    except (RuntimeError, TimeoutError) as error:
        return Recorded(scenario.name, (), {}, (str(error),))
    return Recorded(scenario.name, tuple(steps), found, tuple(run.problems))


def _cut_run(scenario: Scenario, cut: Cut, recorded: Recorded) -> list[str]:
    run = _arranged(scenario)
    ended = run_in_fork(
        lambda report: _watched(scenario, run.case, cut, report), within_seconds=WORKER_SECONDS
    )
    answer = _judge_end(run, ended, cut, recorded)
    _, found = _recover(run, answer)
    run.problems += [
        f"{name}: {found.get(name)} instead of {right}"
        for name, right in recorded.facts.items()
        if found.get(name) != right
    ]
    return run.problems


def _judge_end(run: _Run, ended: ForkResult, cut: Cut, recorded: Recorded) -> str | None:
    """Check how the function's process ended; returns the answer the client got, if any."""
    if ended.reported != (recorded.steps[cut.step - 1],):
        run.problems.append(f"the step was not met as recorded: {ended.reported}")
    if ended.is_killed:
        return None
    if cut.kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER):
        run.problems.append("the worker survived")
    if ended.error is not None:
        run.problems.append(f"the function raised {ended.error}")
        return None
    answer: str = ended.require()[1]
    step = recorded.steps[cut.step - 1]
    _judge_answer(run, answer, is_retryable=_is_needed(step, run.scenario))
    return answer


def _is_needed(step: str, scenario: Scenario) -> bool:
    """Return whether a call may fail without this step: requests never need AWS or Valkey."""
    return triggers().get(scenario.of) != "http" or step.startswith(("PostgreSQL", "HTTP"))


def _judge_answer(run: _Run, answer: str, *, is_retryable: bool) -> None:
    is_fine = answer in run.scenario.ends_with or (is_retryable and _is_retryable(answer))
    if not is_fine:
        run.problems.append(f"it answered {answer}")


def _is_retryable(answer: str) -> bool:
    return answer == AGAIN or answer.startswith("503") or answer == "409 REQUEST_IN_PROGRESS"


def _arranged(scenario: Scenario) -> _Run:
    def arrange(_: Report) -> tuple[int, Case]:
        _freeze_clock(scenario)
        forget_breaker()
        if rows("DELETE FROM ranking_weights RETURNING version"):
            empty_valkey()  # the boards were weighed by them
        [row] = rows("SELECT coalesce(max(position), 0) AS last FROM outbox")
        case = scenario.arrange()
        forget_nudges()
        return int(row.last), case

    since, case = run_in_fork(arrange).require()
    return _Run(scenario, since, case)


def _freeze_clock(scenario: Scenario) -> None:
    """Set this process's clock to the scenario's time, where it has one."""
    moment = scenario.at
    if moment is not None:
        clock.now = lambda: moment


def _watched(
    scenario: Scenario, case: Case, cut: Cut | None, report: Report
) -> tuple[list[str], str, set[str]]:
    """Call the function and watch each of its steps; runs in a fork."""
    _freeze_clock(scenario)
    lambda_calls.lambda_context = _short_context
    called = _functions_called()
    journal = Journal(cut, report)
    watch(journal)
    answer = scenario.act(case)
    return journal.steps, answer, called


def _functions_called() -> set[str]:
    """Return a set that collects the functions which this process calls from now on."""
    called: set[str] = set()

    def recording(name: str, handler: Handler) -> Handler:
        def call(event: dict[str, Any], context: LambdaContext) -> Any:
            called.add(name)
            return handler(event, context)

        return call

    for name, handler in lambda_calls.loaded().items():
        lambda_calls.loaded()[name] = recording(name, handler)
    return called


def _short_context(timeout_seconds: float = FUNCTION_SECONDS) -> LambdaContext:
    return lambda_context(min(timeout_seconds, FUNCTION_SECONDS))


def _recover(run: _Run, answer: str | None) -> tuple[str | None, dict[str, Any]]:
    """Retry as the client or queue would, then run everything until it is idle."""

    def recover(_: Report) -> tuple[list[str], str | None, dict[str, Any]]:
        _freeze_clock(run.scenario)
        wait_for_locks()
        run.scenario.mends(run.case)
        last = answer
        if not run.scenario.is_never_retried and (
            last is None or _is_retryable(last) or run.scenario.ends_with == QUEUE
        ):  # clocks and queues come again whatever was answered
            last = _retry(run.scenario, run.case)
        run_until_idle(run.case, run.since)
        for _try in range(MAX_RETRIES):
            if not run.scenario.takes_new_key_on_retry or not is_unpaid(run.case):
                break
            last = _retry(run.scenario, with_new_key(run.case))
            run_until_idle(run.case, run.since)
        run.scenario.then(run.case)
        is_fine = run.scenario.is_never_retried or last in run.scenario.ends_with
        found = [] if is_fine else [f"asked again, it answered {last}"]
        return [*found, *problems(run.case)], last, facts(run.scenario, run.case, run.since)

    found, last, seen = run_in_fork(recover, within_seconds=5 * PATIENCE_SECONDS).require()
    run.problems += found
    return last, seen


def _retry(scenario: Scenario, case: Case) -> str:
    """Repeat the call until its answer is final."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _is_retryable(answer := scenario.act(case)):
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)
    return answer
