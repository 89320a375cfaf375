"""Every command in the runbooks and the README is one that exists, with options that it takes."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from infra.ops.__main__ import parser
from infra.template import ROOT

PAGES = [*sorted((ROOT / "docs" / "runbooks").glob("*.md")), ROOT / "README.md",
         ROOT / "CONTRIBUTING.md", ROOT / "docs" / "console.md", ROOT / "docs" / "production.md",
         *sorted((ROOT / "docs" / "contexts").glob("*.md"))]  # fmt: skip
OPS = re.compile(r'make ops ARGS=(?:"([^"]+)"|(\S+))')
MAKE = re.compile(r"(?:`|^\s*|&& )make ([a-z][a-z-]*)", re.MULTILINE)
CODE = re.compile(r"```(?:\w*)\n(.*?)```|`([^`\n]+)`", re.DOTALL)
OTHER = re.compile(r"^(?:name=\$\()?(aws|curl|psql|python3?|source|git|sam|docker)\b")
# What the tests do not run, with the reason; each still begins with a program named here.
NOT_RUN = {
    "aws": "works on an AWS account; its emulated counterparts are in tests/e2e",
    "curl": "its requests are those of tests/e2e; here only its URL is checked",
    "psql": "opens a terminal",
    "python3": "prints a docstring",
    "python": "is checked where its module is",
    "source": "reads the addresses of a system that runs",
    "git": "changes the tree",
    "sam": "deploys",
    "docker": "needs Docker",
}
VALUES = {"…": "x", r"EVENT_ID": str(UUID(int=0)), r"SCOPE": "stock"}
URLS = re.compile(r"\$(?:API|DELIVERY|GATEWAY|MAIL)_URL|https?://")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def ops_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for quoted, word in OPS.findall(text_of(page)):
            yield page.name, quoted or word.rstrip("`.,;:)")


COMMANDS = sorted(set(ops_commands()))


def test_the_runbooks_have_commands() -> None:
    assert len(COMMANDS) > 40


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_is_read_by_the_parser(page: str, command: str) -> None:
    words = shlex.split(re.sub("|".join(VALUES), lambda found: VALUES[found[0]], command))
    if words == ["--help"]:
        return
    try:
        chosen = parser().parse_args(words)
    except SystemExit:
        pytest.fail(f"{page}: make ops ARGS={command!r} is not a command")
    assert callable(chosen.command)


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = {
        (page.name, target)
        for page in PAGES
        for block in CODE.finditer(text_of(page))
        for target in MAKE.findall(block[0])
    }
    assert {each for each in named if each[1] not in targets} == set()


def test_every_other_command_of_the_runbooks_is_accounted_for() -> None:
    unknown = []
    for page in (ROOT / "docs" / "runbooks").glob("*.md"):
        for block, _ in CODE.findall(text_of(page)):
            for line in block.splitlines():
                begins = OTHER.match(line)
                is_known = (begins and begins[1] in NOT_RUN) or line.startswith(("make ", "  "))
                is_sql = line.startswith(("SELECT ", "INSERT ", "DELETE ", "WITH "))
                if line.strip() and not is_known and not is_sql:
                    unknown.append((page.name, line))
                if begins and begins[1] == "curl" and not URLS.search(line):
                    unknown.append((page.name, line))
    assert unknown == []
