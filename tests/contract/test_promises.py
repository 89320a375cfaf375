"""Commands in documents and workflows work; workflows pin and restrict what they use."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import check
from infra.local.sam_local import variables_by_output
from infra.local.samples import SAMPLE_IDS
from infra.template import ROOT, Function, as_deployed, functions, read_template, resources

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *WORKFLOWS,
]
CONTRACT = [ROOT / "docs" / "spec.md", ROOT / "docs" / "drops.md"]  # name what is planned too
TEMPLATE = read_template()
FUNCTIONS = list(functions(TEMPLATE))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_test_that_make_check_leaves_out_exists() -> None:
    contracts = {file.name for file in (ROOT / "tests" / "contract").glob("test_*.py")}
    assert contracts > check.LEFT_TO_MAKE_TEST


def test_ci_leaves_no_check_out() -> None:
    for workflow in ("ci.yml", "release.yml"):
        runs = (ROOT / ".github" / "workflows" / workflow).read_text(encoding="utf-8")
        assert re.findall(r"run: make check(.*)", runs) == [" FORCE=1"]


def test_the_end_to_end_tests_are_collected_without_xdist() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "--collect-only"]
    ended = subprocess.run(
        [*command, "tests/e2e/test_health.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if page not in CONTRACT], ids=relative)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:`|run: |^)make (?:\w+=\S+ )*([a-z][a-z-]*)", text, re.MULTILINE)
    assert set(named) <= targets()


@pytest.mark.parametrize("page", [page for page in PAGES if page.suffix == ".md"], ids=relative)
def test_every_link_points_to_an_existing_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=relative)
def test_every_action_is_pinned_by_commit_with_its_version_beside(workflow: Path) -> None:
    used = re.findall(r"uses: (.*)", workflow.read_text(encoding="utf-8"))
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=relative)
def test_a_workflow_has_no_permission_and_its_jobs_only_what_they_need(workflow: Path) -> None:
    declared = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert declared["permissions"] == {}
    for name, job in declared["jobs"].items():
        assert set(job["permissions"]) == {"contents"}, name
        may_write = job["permissions"]["contents"] == "write"
        assert may_write == (name == "publish")
        assert not (may_write and any("checkout" in step.get("uses", "") for step in job["steps"]))


def test_ci_runs_every_python_that_the_template_accepts() -> None:
    ci = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    tried = {f"python{each}" for each in ci["jobs"]["test"]["strategy"]["matrix"]["python"]}
    assert tried == set(TEMPLATE["Parameters"]["PythonRuntime"]["AllowedValues"])


def test_sam_local_gets_every_value_that_only_a_deployed_stack_has() -> None:
    """A variable that names a resource is an output too; otherwise `sam local` invents it."""
    template = as_deployed(TEMPLATE, {})
    of_resources = {
        name for name, value in _variables(template) if _names_a_resource(value, template)
    }
    assert of_resources
    found = variables_by_output()
    assert of_resources <= set(found)
    assert set(found.values()) <= set(template["Outputs"])  # a local stack has no others


def _variables(template: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from template["Globals"]["Function"]["Environment"]["Variables"].items()
    for function in resources(template, "AWS::Serverless::Function").values():
        yield from function.get("Environment", {}).get("Variables", {}).items()


def _names_a_resource(value: Any, template: dict[str, Any]) -> bool:
    if isinstance(value, list):
        return any(_names_a_resource(each, template) for each in value)
    if not isinstance(value, dict):
        return False
    [(operator, operand)] = value.items()
    name = operand[0] if operator == "Fn::GetAtt" else operand
    is_reference = operator in ("Ref", "Fn::GetAtt") and name in template["Resources"]
    return is_reference or _names_a_resource(operand, template)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda each: each.logical_id)
def test_every_id_of_a_sample_event_can_be_replaced_by_a_real_one(function: Function) -> None:
    if function.trigger == "sqs":
        return  # its events are replaced as a whole
    text = (ROOT / function.event_file).read_text(encoding="utf-8")
    ids = set(re.findall(r"0198c0de-0000-7000-8000-[0-9a-f]{12}", text))
    assert ids <= SAMPLE_IDS


SIMULATORS = {
    name: service
    for name, service in yaml.safe_load((ROOT / "infra/local/compose.yaml").read_text())[
        "services"
    ].items()
    if "build" in service
}
IMPORT_WITH_NOTHING_ELSE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in {*sys.stdlib_module_names, "infra", *sys.argv[2:]}:
            raise ModuleNotFoundError(f"{name} is not in the image")

sys.meta_path.insert(0, Nothing())
__import__(sys.argv[1])
"""


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_simulators_image_has_its_imports_at_the_locked_versions(name: str) -> None:
    service = SIMULATORS[name]
    installed = re.search(r"pip install --no-cache-dir (.*)", service["build"]["dockerfile_inline"])
    assert installed
    pins = installed[1].split()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    assert [pin for pin in pins if f"{pin} \\" not in lock] == []
    module = re.search(r"-m (\S+)", service["command"])
    assert module
    packages = [pin.partition("==")[0] for pin in pins]
    command = [sys.executable, "-c", IMPORT_WITH_NOTHING_ELSE, module[1], *packages]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", SIMULATORS)
def test_a_simulator_in_a_container_is_served_under_its_services_name(name: str) -> None:
    assert SIMULATORS[name]["environment"]["CONTAINER_HOSTS"] == name
