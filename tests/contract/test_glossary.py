"""The code uses the glossary's words, and not those it rules out."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.support.backends import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
SOURCES = [
    *(ROOT / "functions").rglob("*.py"),
    *(ROOT / "layers" / "domain" / "python" / "commerce").rglob("*.py"),
]
OTHERS = {"session"}  # ruled out for a unit of work, and the API's word for having signed in


def ruled_out(glossary: str) -> set[str]:
    """The words of the table's column `Not to be called`."""
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in glossary.splitlines()
        if line.startswith("|")
    ]
    column = rows[0].index("Not to be called")
    return {word.strip().lower() for row in rows[2:] for word in row[column].split(",")} - {""}


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Every name that the source gives to something, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name


def says(identifier: str, word: str) -> bool:
    """Whether the word is one of the identifier's, in snake_case or CamelCase."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", identifier).lower()
    return f"_{word}_" in f"_{snake.strip('_')}_"


def test_no_name_is_one_that_the_glossary_rules_out() -> None:
    words = ruled_out(GLOSSARY.read_text()) - OTHERS
    assert len(words) > 10
    assert len(SOURCES) > 50
    found = [
        f"{file.relative_to(ROOT)}:{line}: {name} says {word}"
        for file in SOURCES
        for line, name in identifiers(file.read_text())
        for word in words
        if says(name, word)
    ]
    assert found == []


@pytest.mark.parametrize(
    "name", ["customer", "customer_id", "get_customer", "Customer", "CustomerView", "_customer"]
)
def test_a_word_is_found_wherever_it_stands(name: str) -> None:
    assert says(name, "customer")
    assert [found for _, found in identifiers(f"{name} = 1")] == [name]


@pytest.mark.parametrize("name", ["customers", "customary", "accustomed"])
def test_other_words_are_left_alone(name: str) -> None:
    assert not says(name, "customer")


def test_the_table_is_read() -> None:
    table = "| Term | Not to be called |\n|---|---|\n| User | customer, member |\n| Brand | |\n"
    assert ruled_out(table) == {"customer", "member"}
