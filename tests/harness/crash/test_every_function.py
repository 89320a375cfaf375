"""No function is forgotten: each has a use case that cuts it, or takes no step to be cut at."""

import json
from pathlib import Path

import pytest

from tests.harness.crash.forked import Report, run_in_fork
from tests.harness.crash.scenarios import SCENARIOS, WITHOUT, coverage_errors
from tests.harness.crash.steps import Journal, watch
from tests.support.lambda_calls import function, lambda_context

EVENTS = Path(__file__).parents[3] / "events" / "http"


def test_every_function_of_the_template_has_a_use_case() -> None:
    assert list(coverage_errors(SCENARIOS.values(), WITHOUT)) == []


@pytest.mark.parametrize("name", ["order/on_payment_failed", "ranking/rank_chunk"])
def test_a_function_without_use_cases_is_reported(name: str) -> None:
    others = [each for each in SCENARIOS.values() if each.of != name]
    assert list(coverage_errors(others, WITHOUT)) == [
        f"{name} has no use case: add a Scenario, or say in WITHOUT why it needs none"
    ]


def test_a_use_case_without_its_function_is_reported() -> None:
    assert list(coverage_errors(SCENARIOS.values(), [*WITHOUT, "docs/get_lost"])) == [
        "docs/get_lost is no function of the template"
    ]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("name", WITHOUT)
def test_a_function_without_use_cases_takes_no_step(name: str) -> None:
    event = json.loads((EVENTS / f"{name.rpartition('/')[2]}.json").read_text())

    def work(report: Report) -> tuple[int, list[str]]:
        journal = Journal(None, report)
        watch(journal)
        return function(name)(event, lambda_context())["statusCode"], journal.steps

    assert run_in_fork(work).require() == (200, [])
