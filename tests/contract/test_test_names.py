"""Test names are short sentences in usual words."""

import re
from collections.abc import Iterator

import pytest

from infra.template import ROOT
from tests.support.sources import source

MAX_LENGTH = 80
UNUSUAL = re.compile(
    r"(?<![a-z0-9])(?:"
    r"tell|tells|telling|told|hear|hears|heard|hearing|anew|whoever|nobody|somebody|anybody"
    r"|ask|asks|asked|asking|(?<!dead_)letters?|walks?|weighs?|weighed|wish|wishes|wished|doors?"
    r"|tally|rush|rushes|shelf|insistent|passing|set_aside|sets_nothing_aside"
    r"|(?:puts?|gives?|given|takes?|taken)_back|calls?_off|called_off|brings?_on|brought_on"
    r")(?![a-z0-9])"
)
"""Words that this project once used in a sense of its own."""


def names() -> Iterator[str]:
    """Every test function's name, with its file."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in source(file).functions:
            if name.startswith("test_"):
                yield f"{file.relative_to(ROOT)}::{name}"


def problems(name: str) -> list[str]:
    """Return the rules that a name breaks."""
    name = name.rpartition("::")[2]
    length = f"has {len(name)} characters, of which {MAX_LENGTH} are allowed"
    return [
        *([length] if len(name) > MAX_LENGTH else []),
        *(f"uses {word!r} in a sense of this project's own" for word in UNUSUAL.findall(name)),
    ]


def test_every_test_name_is_short_and_in_usual_words() -> None:
    assert {each: found for each in names() if (found := problems(each))} == {}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_an_order_is_told_once", ["uses 'told' in a sense of this project's own"]),
        (
            "test_a_letter_is_put_back",
            [
                "uses 'letter' in a sense of this project's own",
                "uses 'put_back' in a sense of this project's own",
            ],
        ),
        ("test_a_dead_letter_is_redriven", []),
        (f"test_{'a' * 75}", []),
        (f"test_{'a' * 76}", ["has 81 characters, of which 80 are allowed"]),
    ],
)
def test_a_long_or_unusual_name_is_found(name: str, found: list[str]) -> None:
    assert problems(name) == found
