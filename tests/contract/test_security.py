"""Each row of SECURITY.md's tables names what shows it: tests that exist."""

import re
from functools import cache

import pytest

from infra.template import ROOT

PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TARGETS = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def rows() -> list[str]:
    """The rows of the tables, without their heads."""
    tables = re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE)
    return [row for table in tables for row in table.strip().splitlines()[2:]]


@cache
def names() -> frozenset[str]:
    """The names of all tests."""
    files = (ROOT / "tests").rglob("test_*.py")
    found = (re.findall(r"^ *def (test_\w+)", each.read_text("utf-8"), re.M) for each in files)
    return frozenset(name for each in found for name in each)


def evidence(row: str) -> list[str]:
    """The tests, files of tests, and targets that a row's last cell names."""
    return re.findall(r"`([^`]+)`", row.strip().strip("|").rpartition("|")[2])


def exists(named: str) -> bool:
    """Return whether there is such a test, file or folder of tests, or target."""
    if named.startswith("make "):
        return named.split()[1] in TARGETS
    return named in names() or (named.startswith("tests/") and (ROOT / named).exists())


def test_the_page_has_its_three_tables() -> None:
    assert len(rows()) > 40
    assert {"## Guaranteed", "## Guesses, and names"} <= set(PAGE.splitlines())


@pytest.mark.parametrize("row", rows())
def test_a_row_names_tests_that_exist(row: str) -> None:
    named = evidence(row)
    assert named
    assert [each for each in named if not exists(each)] == []


@pytest.mark.parametrize(
    "named", ["test_of_nothing", "tests/unit/nothing.py", "make nothing", "SECURITY.md"]
)
def test_what_does_not_exist_is_no_evidence(named: str) -> None:
    assert not exists(named)
