"""Run the unit suite, then the tests that a change touches, the closest first, for a minute.

    python -m tests.harness.fast            what `make test-fast` runs
    python -m tests.harness.fast COMMIT     for what changed since that commit

Left to `make test`: tests that start a stack of their own, or have a time-out of their own because
they take long, and those that a minute is not enough for. It says how many these are.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from infra.template import ROOT
from tests.harness.fast.affected import affected_tests, changed_files

SECONDS = 60.0
UNIT = "tests/unit"


@dataclass(slots=True)
class Limit:
    """A pytest plugin: tests that would begin after the deadline, or take long, do not run."""

    ends_at: float
    left: list[str] = field(default_factory=list)

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        """Pass a test over once the time is up."""
        if time.monotonic() < self.ends_at:
            return None
        self.left.append(item.nodeid)
        return True

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Leave out what takes long by itself."""
        slow = [item for item in items if item.get_closest_marker("timeout")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left to `make test`."""
        if self.left:
            files = dict.fromkeys(name.partition("::")[0] for name in self.left)
            terminalreporter.write_line(
                f"The time is up: {len(self.left)} tests are left to make test, in {len(files)}"
                f" files, the closest being {', '.join(list(files)[:5])}."
            )


def main(arguments: list[str]) -> int:
    """Return pytest's exit code: 0 where all that ran passed."""
    ends_at = time.monotonic() + SECONDS
    changed = changed_files(*arguments)
    tests = [each for each in affected_tests(changed) if not each.startswith("tests/e2e/")]
    beyond = [each for each in tests if not each.startswith(f"{UNIT}/")]
    print(  # noqa: T201
        f"{len(changed)} files changed; they touch {len(beyond)} test files beyond {UNIT}.",
        flush=True,
    )
    unit = subprocess.run(  # apart, as it refuses the servers that the others share
        [sys.executable, "-m", "pytest", "-q", UNIT], cwd=ROOT, check=False
    ).returncode
    if not beyond:
        return unit
    os.chdir(ROOT)
    options = ["-q", "-p", "no:xdist"]
    return unit or int(pytest.main([*options, *beyond], plugins=[Limit(ends_at)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
