"""The list of mutants, kept in `planted/*.toml`: one bug each, and the tests that find it."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).with_name("planted")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug: a text of a file, and what a tired developer would have written instead.

    Attributes:
        tests: folders, files or node ids, given to pytest; one test fails where the bug is planted.
        explained: why no test can see the bug; empty where one does.
    """

    name: str
    file: str
    old: str
    new: str
    tests: list[str] = field(default_factory=list)
    explained: str = ""

    def plant(self, tree: Path) -> None:
        """Write the bug into a copy of the project. Raises StaleMutant."""
        if problem := self.misfit(tree):
            raise StaleMutant(f"{self.name}: {problem}")
        path = tree / self.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def misfit(self, tree: Path) -> str:
        """Return the reason why it cannot be planted; empty where it can."""
        path = tree / self.file
        found = path.read_text(encoding="utf-8").count(self.old) if path.exists() else 0
        return "" if found == 1 else f"its old text is {found} times in {self.file}, not once"


class StaleMutant(Exception):
    """The code has changed, so that the mutant cannot be planted."""


def load(folder: Path = FOLDER) -> list[Mutant]:
    """Read the list, file by file."""
    return [
        Mutant(**entry)
        for file in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(file.read_text(encoding="utf-8"))["mutant"]
    ]


def problems(mutants: Sequence[Mutant], tree: Path) -> Iterator[str]:
    """Yield what is wrong with the list, as sentences."""
    names = [each.name for each in mutants]
    yield from (f"{name}: the name is used twice" for name in set(names) if names.count(name) > 1)
    for each in {each.name: each for each in mutants}.values():
        if problem := each.misfit(tree):
            yield f"{each.name}: {problem}"
        if each.old == each.new:
            yield f"{each.name}: it changes nothing"
        if bool(each.tests) == bool(each.explained):
            yield f"{each.name}: it needs tests, or an explanation"
        yield from (
            f"{each.name}: there is no {test}" for test in each.tests if not _exists(test, tree)
        )


def _exists(test: str, tree: Path) -> bool:
    file, _, node = test.partition("::")
    path = tree / file
    if not node or not path.is_file():
        return path.exists()
    name = node.partition("[")[0].rpartition("::")[2]
    text = path.read_text(encoding="utf-8")
    return f"def {name}(" in text or f"class {name}:" in text
