"""Documents name code, tests and sections of the specification that exist."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from infra.template import ROOT
from tests.support.sources import Source, source

CONTRACT = [ROOT / "docs" / "spec.md", ROOT / "docs" / "drops.md"]  # name what is planned too
PAGES = [
    page
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    if page not in CONTRACT
]
TESTS = ROOT / "tests"
PLACES = (
    ROOT,
    ROOT / "layers/domain/python",
    ROOT / "layers/domain/python/commerce",
    ROOT / "functions",
    TESTS,
)
TEXTS = {".py", ".yaml", ".yml", ".json", ".toml", ".sql", ".js", ".html", ".css", ".mako"}
NAME = re.compile(r"[A-Za-z_][\w.]*(\(\))?")
SPEC_REFERENCE = re.compile(r"\bSPEC\b|\bDROPS(?=\.md| §)|[Ss]pec §(?P<number>[\d.]*\d)?")

# Names of others' products and services, which nothing in the tree mentions.
EXTERNAL = {
    "AdministratorAccess",
    "BytesUsedForCache",
    "CORRECTED",  # the reason that an operator enters by hand
    "ElastiCacheProcessingUnits",
    "ClientConnections",
    "DatabaseConnections",
    "EvalBasedCmds",
    "Evictions",
    "INSUFFICIENT_DATA",
    "ServerlessDatabaseCapacity",
    "StartMessageMoveTask",
    "UPDATE_ROLLBACK_COMPLETE",
    "breakpoint",
    "cryptography",
    "initStart",
    "maxMemoryUsedMB",
    "memorySizeMB",
    "psql",
    "pybreaker",
}


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def files() -> list[Path]:
    """Return every file that git knows or could add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [file for name in listed.splitlines() if (file := ROOT / name).is_file()]


class Code:
    """The words of the tree's code without comments and docstrings, and its classes' members."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.members: dict[str, set[str]] = {}
        for file in files():
            if file == Path(__file__) or file.relative_to(ROOT).parts[0] == "docs":
                continue
            if file.suffix == ".py":
                self._add(source(file))
            elif file.suffix in TEXTS or file.name == "Makefile":
                self.words.update(re.findall(r"\w+", file.read_text(encoding="utf-8")))

    def _add(self, found: Source) -> None:
        self.words |= found.words
        for name, members in found.members.items():
            self.members.setdefault(name, set()).update(members)


@cache
def code() -> Code:
    return Code()


@cache
def suites() -> set[str]:
    """Return the names of the suites' functions and files."""
    found = [file for file in files() if file.suffix == ".py" and file.is_relative_to(TESTS)]
    return {name for file in found for name in [file.name, *source(file).functions]}


def quoted(page: Path) -> list[str]:
    """Return what a page puts in backticks, outside blocks of commands."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return re.findall(r"`([^`\n]+)`", text)


def is_path(name: str) -> bool:
    return bool(
        re.fullmatch(r"[\w.…*-]+(/[\w.…*-]+)+/?|[\w-]+\.(py|md|yaml|toml|json)", name)
    ) and (
        "." in name.rpartition("/")[2]
        or name.startswith(("tests/", "docs/", "infra/", "functions/"))
    )


def exists(name: str) -> bool:
    if "…" in name or "NNNN" in name or name.startswith((".local/", ".aws-sam/")):
        return True
    if "/" not in name:
        return any(file.name == name for file in files())
    return any((folder / name).exists() for folder in PLACES)


def is_missing(name: str) -> bool:
    """Tell a name of a file, test or identifier that is nowhere in the tree."""
    if name.startswith("test_") and "/" not in name:
        if name.endswith("…"):
            return not any(test.startswith(name.rstrip("…")) for test in suites())
        return name not in suites()
    if is_path(name):
        return not exists(name)
    if not NAME.fullmatch(name):
        return False
    first, *rest = name.removesuffix("()").split(".")
    if rest and first in code().members and rest[0] not in code().members[first]:
        return True
    return any(part not in code().words and part not in EXTERNAL for part in [first, *rest])


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_test_and_identifier_that_a_page_names_exists(page: Path) -> None:
    assert sorted({name for name in quoted(page) if is_missing(name)}) == []


@pytest.mark.parametrize(
    "name", ["_MOVE_STOCK", "OrderFacade.confirm", "shared/relay.py", "test_nothing", "tests/none"]
)
def test_a_name_that_is_nowhere_is_found(name: str) -> None:
    assert is_missing(name)


def test_every_guarantee_names_its_code_and_its_test() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*) \| (.*) \| (.*) \|$", text.partition("## Guarantees")[2], re.M)
    guarantees = [row for row in rows if row[0] != "guarantee"]
    assert len(guarantees) > 50
    wanted = re.compile(r"`(?:test_\w+|tests/[\w/.]+|make \w+[^`]*)`")
    assert [what for what, code, test in guarantees if not code or not wanted.search(test)] == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_what_a_page_says_is_in_a_file_is_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    claims = re.findall(r"((?:`[\w.]+`(?:, | and |,? or )?)+) in `([\w/]+\.(?:py|js))`", text)
    missing = [
        f"{name} in {file}"
        for names, file in claims
        for name in re.findall(r"`([\w.]+)`", names)
        if exists(file) and not re.search(rf"\b{name.rpartition('.')[2]}\b", read(file))
    ]
    assert missing == []


def read(name: str) -> str:
    file = next(folder / name for folder in PLACES if (folder / name).exists())
    return file.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [*PAGES, *CONTRACT], ids=relative)
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]*\.md)?#([^)\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        f"{file}#{heading}"
        for file, heading in links
        if heading not in anchors(page.parent / file if file else page)
    ]
    assert missing == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "contexts").glob("*.md")), ids=relative)
def test_a_context_page_names_methods_that_its_facade_has(page: Path) -> None:
    lines = re.findall(
        r"^\*\*Facade\*\* `(\w+)`: (.*?)\.(?: |$)", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    for facade, methods in lines:
        named = set(re.findall(r"`(\w+)`", methods))
        assert named - code().members[facade] == set()


def sections(page: Path) -> set[str]:
    """Return the numbers of a page's headings: 3, 3.1 …"""
    return set(
        re.findall(r"^#+ (\d+(?:\.\d+)?)[. ]", page.read_text(encoding="utf-8"), re.MULTILINE)
    )


def test_every_citation_of_the_specification_names_a_section() -> None:
    known = sections(CONTRACT[0])
    assert {"1", "3.1", "13"} <= known
    found = [
        f"{relative(file)}: {match[0]}"
        for file in files()
        if file.suffix in TEXTS | {".md"}
        and file != Path(__file__)
        and file.stat().st_size < 500_000
        for match in SPEC_REFERENCE.finditer(file.read_text(encoding="utf-8"))
        if match["number"] not in known
    ]
    assert found == []


@pytest.mark.parametrize("text", ["SPEC §4", "SPEC.md", "spec §", "DROPS.md", "spec §99"])
def test_a_citation_that_names_no_section_is_found(text: str) -> None:
    match = SPEC_REFERENCE.search(text)
    assert match
    assert match["number"] not in sections(CONTRACT[0])


@pytest.mark.parametrize("page", CONTRACT, ids=relative)
def test_every_mark_of_what_is_planned_is_spelled_alike(page: Path) -> None:
    text = re.sub(r"`grep[^`]*`", "", page.read_text(encoding="utf-8"))
    marks = re.findall(r"\*\(planned(?:(?:: |; today | for | to )[^)*]+)?\)\*", text)
    assert len(marks) == text.count("(planned") > 0


def operations_of_the_specification() -> set[str]:
    """Return what its tables of paths say is built: `GET /orders/{}` …"""
    text = CONTRACT[0].read_text(encoding="utf-8")
    tables = text[text.index("### 3.3") : text.index("### 3.5")]
    built: set[str] = set()
    for cell in re.findall(r"^\| ((?:GET|POST|PUT|PATCH|DELETE)\b[^|]*)", tables, re.MULTILINE):
        methods: list[str] = []
        base, was_method = "", False
        for method, path, mark in re.findall(
            r"\b(GET|POST|PUT|PATCH|DELETE)\b|(?<= )(…?/[\w/{}.…-]+)( \*\(planned\)\*)?", cell
        ):
            if method:
                methods = [*methods, method] if was_method else [method]
                was_method = True
                continue
            was_method = False
            whole = base + path.removeprefix("…") if path.startswith("…") else path
            base = base if path.startswith("…") else whole.rpartition("/")[0]
            if not mark:
                built.update(f"{each} {re.sub('{.*?}', '{}', whole)}" for each in methods)
    return built


def test_the_specification_marks_exactly_the_paths_that_are_not_built() -> None:
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    served = {
        f"{method.upper()} {re.sub('{.*?}', '{}', path)}"
        for path, operations in document["paths"].items()
        for method in operations
        if method in {"get", "post", "put", "patch", "delete"}
    }
    files_of_pages = {"GET /console", "GET /console/{}", "GET /docs/{}"}
    assert operations_of_the_specification() == served - files_of_pages


def test_the_decisions_are_listed_and_at_most_twenty_five() -> None:
    listed = re.findall(
        r"^- \[(\d{4})\]\((\S+)\) (.*)$", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE
    )
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [name for _, name, _ in listed] == [page.name for page in pages]
    assert [f"# {number} {title}" for number, _, title in listed] == [
        page.read_text(encoding="utf-8").splitlines()[0] for page in pages
    ]
    assert [int(number) for number, _, _ in listed] == list(range(1, len(pages) + 1))
    assert len(pages) <= 25
