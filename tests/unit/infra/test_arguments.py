"""Numbers on command lines are plain digits."""

import argparse
import re
from pathlib import Path

import pytest

from infra.arguments import whole_number

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("20", 20), ("007", 7)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    "text", ["1_0", " 10", "10\n", "+1", "-1", "0", "", "1.0", "1e3", "٣", "9" * 13]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="whole number"):
        whole_number(text)


def test_no_command_for_operators_or_the_seeder_reads_numbers_leniently() -> None:
    files = [*(ROOT / "infra" / "ops").glob("*.py"), ROOT / "infra" / "local" / "seed.py"]
    assert [file.name for file in files if re.search(r"type=int\b", file.read_text())] == []
