"""Checkov on every template, as production deploys it; what it may find is explained in a file.

    python -m infra.security        what `make check` runs

Fails on what is found and not explained in security_exceptions.yaml, and on what is explained and
not found any more.
"""

import fnmatch
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.template import ROOT, as_deployed, read_file, write_template

CHECKOV = ROOT / ".venv-audit" / "bin" / "checkov"
EXCEPTIONS = ROOT / "infra" / "security_exceptions.yaml"
VIEW = ROOT / ".local" / "security"
TEMPLATES = ("template.yaml", "infra/stacks/*.yaml", "infra/production/*.yaml")
PRODUCTION = {"Environment": "production", "CanaryDeployment": "true"}
LEFT_AT_DEFAULT = {"AlarmEmail", "DatabaseUrl", "OrderConcurrency", "ConsumerConcurrency"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that a resource does not pass."""

    check: str
    resource: str
    rule: str

    def __str__(self) -> str:
        return f"{self.check} {self.resource}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Explained:
    """A check that resources (patterns of file:name) need not pass, and why."""

    check: str
    resources: Sequence[str]
    why: str

    def covers(self, finding: Finding, pattern: str) -> bool:
        """Tell whether the finding matches this exception and pattern."""
        return self.check == finding.check and fnmatch.fnmatchcase(finding.resource, pattern)


def write_views(directory: Path) -> list[Path]:
    """Write each template as production has it: every condition decided."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    written = []
    for path in sorted(path for pattern in TEMPLATES for path in ROOT.glob(pattern)):
        template = read_file(path)
        arguments = production_arguments(template)
        for name, value in arguments.items():
            template["Parameters"][name]["Default"] = value  # checkov takes it for what is given
        write_template(as_deployed(template, arguments), directory / path.name)
        written.append(directory / path.name)
    return written


def production_arguments(template: dict[str, Any]) -> dict[str, Any]:
    """Return production's arguments of a template: every parameter without a default is given."""
    return {
        name: PRODUCTION.get(name, f"given-{name}")
        for name, parameter in template.get("Parameters", {}).items()
        if name not in LEFT_AT_DEFAULT
        and (name in PRODUCTION or parameter.get("Default", "") == "")
    }


def find(directory: Path) -> list[Finding]:
    """Let checkov look at the templates; it asks nobody on the network."""
    command: list[str | Path] = [CHECKOV, "--directory", directory]
    command += ["--framework", "cloudformation", "--skip-download", "--output", "json"]
    done = subprocess.run(
        [*command, "--compact", "--quiet"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"checkov failed:\n{done.stderr[-2000:]}")
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        sys.exit(f"checkov could not read the templates: {report['summary']}")
    return [
        Finding(
            each["check_id"],
            f"{Path(each['file_path']).name}:{each['resource'].rpartition('.')[2]}",
            each["check_name"],
        )
        for each in report["results"]["failed_checks"]
    ]


def read_exceptions(path: Path = EXCEPTIONS) -> list[Explained]:
    """Read the accepted findings with their reasons."""
    return [Explained(**each) for each in yaml.safe_load(path.read_text(encoding="utf-8"))]


def judge(findings: Sequence[Finding], exceptions: Sequence[Explained]) -> Iterator[str]:
    """Tell of each finding that nobody explains, and of each explanation that nothing needs."""
    patterns = [(each, pattern) for each in exceptions for pattern in each.resources]
    for finding in findings:
        if not any(each.covers(finding, pattern) for each, pattern in patterns):
            yield f"not explained: {finding}"
    for each, pattern in patterns:
        if not any(each.covers(finding, pattern) for finding in findings):
            yield f"not needed any more: {each.check} for {pattern}"


def main() -> int:
    """Look, judge, and say what is wrong."""
    if not CHECKOV.exists():
        print("checkov is not installed: make check and make audit install it", file=sys.stderr)
        return 2
    views = write_views(VIEW)
    findings = find(VIEW)
    wrong = list(judge(findings, read_exceptions()))
    for line in wrong:
        print(line)
    if wrong:
        print(f"Mend it, or explain it in {EXCEPTIONS.relative_to(ROOT)}.")
        return 1
    checks = len({finding.check for finding in findings})
    print(f"checkov: {len(views)} templates; {checks} checks that are not passed are explained")
    return 0


if __name__ == "__main__":
    sys.exit(main())
