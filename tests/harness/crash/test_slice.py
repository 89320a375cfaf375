"""A short slice of `make faults`: a few steps of two use cases, in each way that they can break."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = [
    pytest.mark.usefixtures("servers"),
    pytest.mark.timeout(900),  # half a minute on an idle machine
]


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it on the servers of this test run."""
    return subprocess.run(
        [sys.executable, "-m", "tests.harness.crash", "--jobs", "1", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/domain/python")]),
        },
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )


def last_row(table: str) -> list[str]:
    """The cells of the line that sums everything up."""
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in table.splitlines()]
    [found] = [row for row in rows if row[:1] == ["all"]]
    return found


def test_every_fifth_step_of_placing_and_liking_holds() -> None:
    done = faults("place_coupon", "like", "--every", "5")

    assert done.returncode == 0, done.stdout + done.stderr
    name, steps, *held = last_row(done.stdout)
    assert name == "all"
    assert int(steps) > 25
    assert len(held) == 5  # four ways, and all of them
    for each in held:
        well, of = map(int, each.split("/"))
        assert well == of > 2


def test_a_cut_view_is_published_at_most_once() -> None:
    done = faults("publish_views", "--kind", "hang")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_client_with_a_new_key_is_reported_as_charged_twice() -> None:
    done = faults("charge_without_its_key", "--kind", "kill-after")

    assert done.returncode == 1, done.stdout + done.stderr
    assert (
        "ledger: [(700, 'CHARGED'), (700, 'CHARGED')] instead of [(700, 'CHARGED')]" in done.stdout
    )
    assert 'make faults ARGS="charge_without_its_key --step' in done.stdout
