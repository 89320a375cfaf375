"""The list of planted bugs fits the code, so that `make mutants` can plant each of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.template import ROOT
from tests.harness.mutants.planted_bugs import Mutant, StaleMutant, load, problems

SOUND = Mutant("two_is_three", "a.py", "two = 2", "two = 3", ["tests/test_a.py::test_two[1]"])


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A project of one file and its test."""
    (tmp_path / "a.py").write_text("one = 1\ntwo = 2\none_more = 1\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text("def test_two(two): ...\nclass TestA:\n    ...\n")
    return tmp_path


def test_every_mutant_can_be_planted() -> None:
    assert list(problems(load(), ROOT)) == []


@pytest.mark.parametrize("test", ["tests", "tests/test_a.py", "tests/test_a.py::TestA"])
def test_a_mutants_test_is_a_folder_a_file_or_a_node(tree: Path, test: str) -> None:
    assert list(problems([SOUND, replace(SOUND, name="another", tests=[test])], tree)) == []


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (replace(SOUND, old="three"), "its old text is 0 times in a.py, not once"),
        (replace(SOUND, old="one"), "its old text is 2 times in a.py, not once"),
        (replace(SOUND, file="b.py"), "its old text is 0 times in b.py, not once"),
        (replace(SOUND, new=SOUND.old), "it changes nothing"),
        (replace(SOUND, tests=[]), "it needs tests, or an explanation"),
        (replace(SOUND, explained="nothing reads it"), "it needs tests, or an explanation"),
        (replace(SOUND, tests=["tests/test_b.py"]), "there is no tests/test_b.py"),
        (replace(SOUND, tests=["tests/test_a.py::test_x"]), "there is no tests/test_a.py::test_x"),
    ],
)
def test_a_mutant_that_does_not_fit_is_found(tree: Path, broken: Mutant, problem: str) -> None:
    assert list(problems([broken], tree)) == [f"{SOUND.name}: {problem}"]


def test_two_mutants_of_one_name_are_found(tree: Path) -> None:
    assert list(problems([SOUND, SOUND], tree)) == ["two_is_three: the name is used twice"]


def test_a_mutant_is_planted_in_the_place_of_its_old_text(tree: Path) -> None:
    SOUND.plant(tree)
    assert (tree / "a.py").read_text() == "one = 1\ntwo = 3\none_more = 1\n"


def test_a_stale_mutant_is_not_planted(tree: Path) -> None:
    before = (tree / "a.py").read_text()
    with pytest.raises(StaleMutant, match="not once"):
        replace(SOUND, old="three").plant(tree)
    assert (tree / "a.py").read_text() == before
