"""`make check` runs what is due, shows what failed, and leaves out what cannot have changed."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.check import CHECKS, Check, run
from infra.template import ROOT


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of the test's own, with one template."""
    monkeypatch.setattr("infra.check.ROOT", tmp_path)
    (tmp_path / "template.yaml").write_text("one")
    return tmp_path


def a_check(tree: Path, *, exit_code: int = 0, inputs: Sequence[str] = ()) -> Check:
    """A tool that notes each of its runs, and prints a line."""
    program = f"open('runs', 'a').write('.'); print('a fault in line 3'); exit({exit_code})"
    return Check("tool", [sys.executable, "-c", program], inputs=inputs)


def runs(tree: Path) -> int:
    noted = tree / "runs"
    return len(noted.read_text()) if noted.exists() else 0


def test_a_slow_tool_runs_again_only_after_its_files_changed(tree: Path) -> None:
    slow = a_check(tree, inputs=["*.yaml"])
    assert [run([slow], tree / "stamps"), run([slow], tree / "stamps"), runs(tree)] == [0, 0, 1]

    (tree / "template.yaml").write_text("two")
    assert [run([slow], tree / "stamps"), runs(tree)] == [0, 2]
    (tree / "another.yaml").write_text("new")
    assert [run([slow], tree / "stamps"), runs(tree)] == [0, 3]
    (tree / "template.yaml").unlink()
    assert [run([slow], tree / "stamps"), runs(tree)] == [0, 4]


def test_a_slow_tool_that_failed_runs_again_though_nothing_changed(tree: Path) -> None:
    failing = a_check(tree, exit_code=2, inputs=["*.yaml"])
    assert [run([failing], tree / "stamps"), run([failing], tree / "stamps")] == [1, 1]
    assert runs(tree) == 2


def test_force_runs_a_slow_tool_whose_files_are_unchanged(tree: Path) -> None:
    slow = a_check(tree, inputs=["*.yaml"])
    run([slow], tree / "stamps")
    assert run([slow], tree / "stamps", is_forced=True) == 0
    assert runs(tree) == 2


def test_a_tool_without_named_files_always_runs(tree: Path) -> None:
    for _ in range(2):
        assert run([a_check(tree)], tree / "stamps") == 0
    assert runs(tree) == 2


def test_one_failure_among_many_fails_the_whole_and_is_shown(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet, failing = a_check(tree), a_check(tree, exit_code=1)
    assert run([quiet, failing, quiet], tree / "stamps") == 1
    printed = capsys.readouterr().out
    assert printed.count("✓ tool") == 2
    assert printed.count("✗ tool") == printed.count("    a fault in line 3") == 1
    assert printed.endswith("To be mended: tool\n")


@pytest.mark.parametrize(
    "slow", [each for each in CHECKS if each.inputs], ids=lambda each: each.name
)
def test_every_file_that_a_slow_tool_reads_is_found(slow: Check) -> None:
    assert [each for each in slow.inputs if not list(ROOT.glob(each))] == []
