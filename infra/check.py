"""Everything that says what a change forgot, several tools at a time.

    python -m infra.check            what `make check` runs
    python -m infra.check --force    `make check FORCE=1`: slow tools too whose files are unchanged

A slow tool that found nothing wrong is left out until one of its files changes: .local/checked has
the digest of what it has read. What a tool prints is shown in one piece, where it failed.
"""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from infra.template import ROOT

STAMPS = ROOT / ".local" / "checked"
BIN = Path(sys.executable).parent
SOURCES = {"PYTHONPATH": f"layers/domain/python{os.pathsep}."}
AWS = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
TEMPLATES = ("template.yaml", "infra/stacks/*", "infra/production/*")
NESTED = sorted(
    str(path.relative_to(ROOT))
    for folder in ("stacks", "production")
    for path in (ROOT / "infra" / folder).glob("*.yaml")
)
# They need servers or a build, or take longer than somebody waits for `make check`.
LEFT_TO_MAKE_TEST = {
    "test_events.py", "test_packages.py", "test_schema.py", "test_repositories.py",
    "test_coupon_repositories.py", "test_like_repositories.py", "test_payment_repositories.py",
    "test_privacy.py", "test_ranking_repositories.py",
}  # fmt: skip
TESTS = [
    "tests/harness/crash/test_every_function.py",
    *sorted(
        f"tests/contract/{path.name}"
        for path in (ROOT / "tests" / "contract").glob("test_*.py")
        if path.name not in {*LEFT_TO_MAKE_TEST, "test_versions.py"}
    ),
]
PYTEST: Sequence[str | Path] = (
    BIN / "pytest", "-q", "--no-header", "-p", "no:xdist", "--noconftest",
)  # fmt: skip
SET_UP = {  # what the first run makes, and how long that takes
    ".mypy_cache": "mypy reads every file once (one to two minutes)",
    ".local/spectral": "Spectral is installed, where there is Node.js (half a minute)",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One tool. Where `inputs` are given, it runs when one of those files has changed."""

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[str] = ()

    def digest(self) -> str:
        """Return the digest of the command and of everything that the tool reads."""
        digest = hashlib.sha256(repr([str(part) for part in self.command]).encode())
        for path in sorted({path for each in self.inputs for path in ROOT.glob(each)}):
            if path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A tool's exit code, its duration, and what it printed."""

    check: Check
    exit_code: int
    seconds: float
    output: str


# Those that take longest come first.
CHECKS = (
    Check("sam validate", [BIN / "sam", "validate", "--lint"], AWS,
          (*TEMPLATES, "samconfig.toml", "requirements.lock")),
    Check("cfn-lint",  # W3002: sam deploy packages nested stacks; E3724: as in template.yaml
          [BIN / "cfn-lint", "--ignore-checks", "W3002", "E3724", "--", *NESTED], AWS,
          (*TEMPLATES, "requirements.lock")),
    Check("checkov", [sys.executable, "-m", "infra.security"], {},
          (*TEMPLATES, "infra/security*", "infra/template.py", "requirements-audit.lock")),
    Check("versions and budgets", [*PYTEST, "tests/contract/test_versions.py"], AWS,
          (*TEMPLATES, "infra/template.py", "tests/contract/test_versions.py",
           "requirements.lock")),
    Check("contract tests 1 of 2", [*PYTEST, *TESTS[::2]]),
    Check("contract tests 2 of 2", [*PYTEST, *TESTS[1::2]]),
    Check("mypy", [BIN / "mypy"]),
    Check("OpenAPI, Spectral", [sys.executable, "-m", "infra.openapi.lint"], SOURCES,
          ("docs/openapi.json", "infra/openapi/lint.py", "infra/openapi/spectral/*",
           "requirements.lock")),
    Check("ruff", [BIN / "ruff", "check", "."]),
    Check("import-linter", [BIN / "lint-imports"], SOURCES),
    Check("ruff format", [BIN / "ruff", "format", "--check", "."]),
    Check("zizmor", [BIN / "zizmor", "--offline", "--quiet", "--persona", "pedantic", ".github"]),
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Run what is due; 0 where nothing is to be mended."""
    missing = [text for path, text in SET_UP.items() if not (ROOT / path).exists()]
    if missing:
        print("The first time takes some minutes:", *missing, sep="\n  ", flush=True)
    return run(CHECKS, STAMPS, is_forced="--force" in arguments)


def run(checks: Sequence[Check], stamps: Path, *, is_forced: bool = False) -> int:
    """Run the checks that are due, as many at a time as there are processors.

    Prints a line for each, with its output below where it failed. Returns 1 if one failed.
    """
    digests = {each.name: each.digest() for each in checks if each.inputs}
    stamps.mkdir(parents=True, exist_ok=True)
    due = [
        each
        for each in checks
        if is_forced or not each.inputs or _read(stamps / each.name) != digests[each.name]
    ]
    failed = []
    for outcome in _outcomes(due):
        _show(outcome)
        if outcome.exit_code:
            failed.append(outcome.check.name)
        elif outcome.check.inputs:
            (stamps / outcome.check.name).write_text(digests[outcome.check.name], "utf-8")
    if unchanged := [each.name for each in checks if each not in due]:
        print(f"- {', '.join(unchanged)}: nothing changed (make check FORCE=1 runs them)")
    if failed:
        print(f"\nTo be mended: {', '.join(failed)}")
    return 1 if failed else 0


def _read(stamp: Path) -> str:
    return stamp.read_text("utf-8") if stamp.exists() else ""


def _outcomes(checks: Sequence[Check]) -> Iterator[Outcome]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for ended in as_completed([pool.submit(_run, each) for each in checks]):
            yield ended.result()


def _run(check: Check) -> Outcome:
    started = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        env={**os.environ, **check.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return Outcome(check, done.returncode, time.monotonic() - started, done.stdout)


def _show(outcome: Outcome) -> None:
    sign = "✗" if outcome.exit_code else "✓"
    print(f"{sign} {outcome.check.name} ({outcome.seconds:.1f} s)", flush=True)
    if outcome.exit_code:
        lines = outcome.output.splitlines() or [f"It ended with code {outcome.exit_code}."]
        print(*(f"    {line}" for line in lines), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
