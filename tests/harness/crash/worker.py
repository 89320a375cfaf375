"""One lane: cases one after another, in a world of its own, each part in its own process."""

import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from commerce.shared import clock
from tests.harness.crash.cases import AGAIN, QUEUE, Case, Scenario
from tests.harness.crash.forked import Ended, Tell, apart
from tests.harness.crash.recovery import (
    PATIENCE_SECONDS,
    come_to_rest,
    facts,
    order_is_unpaid,
    problems,
    triggers,
    wait_for_locks,
)
from tests.harness.crash.scenarios import KNOWN_BAD, SCENARIOS, tried_anew
from tests.harness.crash.steps import Cut, Journal, Kind, watch
from tests.support import lambda_calls
from tests.support.lambda_calls import Handler, lambda_context
from tests.support.shop import rows
from tests.support.valkey import empty_valkey, forget_breaker

WORKER_SECONDS = 240  # two time-outs in a row, on the busiest machine
FUNCTION_SECONDS = 0.5  # a cut worker's time-out: so long its key is said to be in progress
PAUSE_SECONDS = 0.05
TRIES_ANEW = 3


@dataclass(frozen=True, slots=True)
class Recorded:
    """A run in which nothing happened: its steps, and what came of it."""

    name: str
    steps: tuple[str, ...]
    facts: dict[str, Any]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A run to be done: without a cut it is recorded."""

    name: str
    cut: Cut | None = None
    recorded: Recorded | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a cut run; it held where there are no problems."""

    name: str
    cut: Cut
    step: str
    problems: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class _Run:
    """One case on its way."""

    scenario: Scenario
    since: int
    case: Case
    problems: list[str] = field(default_factory=list)


def serve(environment: dict[str, str], orders: Connection) -> None:
    """Do tasks for as long as the parent lives. The functions' own log goes nowhere."""
    os.environ.update(environment)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    parent = os.getppid()
    while os.getppid() == parent:
        if orders.poll(1):
            orders.send(_done(orders.recv()))


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
        steps, answer, called = apart(
            lambda tell: _watched(scenario, run.case, None, tell), within_seconds=WORKER_SECONDS
        ).require()
        _judge_answer(run, answer, may_be_asked_again=False)
        if scenario.of in triggers() and called != {scenario.of}:
            run.problems.append(f"it is said to be of {scenario.of}, and calls {called}")
        answer, found = _aftermath(run, answer)
    except (RuntimeError, TimeoutError) as error:
        return Recorded(scenario.name, (), {}, (str(error),))
    return Recorded(scenario.name, tuple(steps), found, tuple(run.problems))


def _cut_run(scenario: Scenario, cut: Cut, recorded: Recorded) -> list[str]:
    run = _arranged(scenario)
    ended = apart(
        lambda tell: _watched(scenario, run.case, cut, tell), within_seconds=WORKER_SECONDS
    )
    answer = _judge_end(run, ended, cut, recorded)
    _, found = _aftermath(run, answer)
    run.problems += [
        f"{name}: {found.get(name)} instead of {right}"
        for name, right in recorded.facts.items()
        if found.get(name) != right
    ]
    return run.problems


def _judge_end(run: _Run, ended: Ended, cut: Cut, recorded: Recorded) -> str | None:
    """What the client heard, if anything; how the worker ended is as it was to be."""
    if ended.told != (recorded.steps[cut.step - 1],):
        run.problems.append(f"the step was not met as recorded: {ended.told}")
    if ended.is_killed:
        return None
    if cut.kind in (Kind.KILL_BEFORE, Kind.KILL_AFTER):
        run.problems.append("the worker survived")
    if ended.error is not None:
        run.problems.append(f"the function raised {ended.error}")
        return None
    answer: str = ended.require()[1]
    step = recorded.steps[cut.step - 1]
    _judge_answer(run, answer, may_be_asked_again=_is_needed(step, run.scenario))
    return answer


def _is_needed(step: str, scenario: Scenario) -> bool:
    """Whether it may fail for want of a step: no shopper, and no admin, waits for AWS or Valkey."""
    return triggers().get(scenario.of) != "http" or step.startswith(("PostgreSQL", "HTTP"))


def _judge_answer(run: _Run, answer: str, *, may_be_asked_again: bool) -> None:
    is_fine = answer in run.scenario.ends_with or (may_be_asked_again and _is_to_ask_again(answer))
    if not is_fine:
        run.problems.append(f"it answered {answer}")


def _is_to_ask_again(answer: str) -> bool:
    return answer == AGAIN or answer.startswith("503") or answer == "409 REQUEST_IN_PROGRESS"


def _arranged(scenario: Scenario) -> _Run:
    def arrange(_: Tell) -> tuple[int, Case]:
        _stop_the_clock(scenario)
        forget_breaker()
        if rows("DELETE FROM ranking_weights RETURNING version"):
            empty_valkey()  # the boards were weighed by them
        [row] = rows("SELECT coalesce(max(position), 0) AS last FROM outbox")
        return int(row.last), scenario.arrange()

    since, case = apart(arrange).require()
    return _Run(scenario, since, case)


def _stop_the_clock(scenario: Scenario) -> None:
    """Where the hour matters, this process has the scenario's."""
    moment = scenario.at
    if moment is not None:
        clock.now = lambda: moment


def _watched(
    scenario: Scenario, case: Case, cut: Cut | None, tell: Tell
) -> tuple[list[str], str, set[str]]:
    """In the worker: the function is called, and each of its steps is seen."""
    _stop_the_clock(scenario)
    lambda_calls.lambda_context = _hurried
    called = _functions_called()
    journal = Journal(cut, tell)
    watch(journal)
    answer = scenario.act(case)
    return journal.steps, answer, called


def _functions_called() -> set[str]:
    """The names of the functions that this process calls from now on."""
    called: set[str] = set()

    def noted(name: str, handler: Handler) -> Handler:
        def call(event: dict[str, Any], context: LambdaContext) -> Any:
            called.add(name)
            return handler(event, context)

        return call

    for name, handler in lambda_calls.loaded().items():
        lambda_calls.loaded()[name] = noted(name, handler)
    return called


def _hurried(timeout_seconds: float = FUNCTION_SECONDS) -> LambdaContext:
    return lambda_context(min(timeout_seconds, FUNCTION_SECONDS))


def _aftermath(run: _Run, answer: str | None) -> tuple[str | None, dict[str, Any]]:
    """Its client or queue asks again where it heard nothing; then everything comes to rest."""

    def go_on(_: Tell) -> tuple[list[str], str | None, dict[str, Any]]:
        _stop_the_clock(run.scenario)
        wait_for_locks()
        run.scenario.mends(run.case)
        last = answer
        if not run.scenario.is_said_once and (
            last is None or _is_to_ask_again(last) or run.scenario.ends_with == QUEUE
        ):  # clocks and queues come again whatever was answered
            last = _ask(run.scenario, run.case)
        come_to_rest(run.case, run.since)
        for _try in range(TRIES_ANEW):
            if not run.scenario.is_tried_anew or not order_is_unpaid(run.case):
                break
            last = _ask(run.scenario, tried_anew(run.case))
            come_to_rest(run.case, run.since)
        run.scenario.then(run.case)
        is_fine = run.scenario.is_said_once or last in run.scenario.ends_with
        found = [] if is_fine else [f"asked again, it answered {last}"]
        return [*found, *problems(run.case)], last, facts(run.scenario, run.case, run.since)

    found, last, seen = apart(go_on, within_seconds=5 * PATIENCE_SECONDS).require()
    run.problems += found
    return last, seen


def _ask(scenario: Scenario, case: Case) -> str:
    """Ask until there is an answer that says more than to ask again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _is_to_ask_again(answer := scenario.act(case)):
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE_SECONDS)
    return answer
