"""Find the test files that a change touches, by imports, and how closely.

A module depends on what it imports, and on files that its texts name: `template.yaml`,
`events/**/*.json`, or `order/place_order`, as tests name functions. Nearly every test reaches
nearly every module somehow, most by the composition root. So a test's closeness to a change is the
share of its imports that lead there, those of its imports included: a file that imports two modules
of which one has changed has 0.5; one that imports ten, of which one imports that, far less.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

import grimp

from infra.template import ROOT
from tests.support.sources import source

PACKAGES = {
    "commerce": ROOT / "layers" / "domain" / "python",
    "functions": ROOT,
    "infra": ROOT,
    "tests": ROOT,
}
_NAMING = ("infra.", "tests.")
ROUNDS = 12  # imports deeper than this add nothing that matters
Graph = Mapping[str, set[str]]


def changed_files(since: str = "") -> list[str]:
    """Return what differs from a commit: where this branch left main, if none is given.

    Files that git does not know yet are among them.
    """
    base = since or _git("merge-base", "HEAD", "main")[0]
    changed = _git("diff", "--name-only", "--no-renames", base)
    return sorted({*changed, *_git("ls-files", "--others", "--exclude-standard")})


def _git(*arguments: str) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def import_graph(changed: Sequence[str]) -> Graph:
    """Return what each module depends on: modules, and those of the changed files it names."""
    found = {name: set(modules) for name, modules in _modules_needed().items()}
    for name in found.keys() & _texts().keys():
        found[name].update(each for each in changed if is_named(each, _texts()[name]))
    return found


@cache
def _texts() -> Mapping[str, set[str]]:
    """Return the texts in each module of the infrastructure and of the tests."""
    files = {name: file_of(name) for name in _graph().modules if name.startswith(_NAMING)}
    return {name: source(file).texts for name, file in files.items() if file is not None}


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=str(ROOT / ".local" / "grimp"))


@cache
def _modules_needed() -> Graph:
    """Return the modules that each imports, or has as conftest, or names as a function."""
    graph = _graph()
    found = {name: set(graph.find_modules_directly_imported_by(name)) for name in graph.modules}
    functions = {name.partition(".")[2].replace(".", "/"): name for name in found
                 if name.startswith("functions.")}  # fmt: skip
    for name, texts in _texts().items():
        found[name].update(_conftests(name, found))
        found[name].update(functions[text] for text in texts & functions.keys())
    return found


def _conftests(module: str, known: Mapping[str, object]) -> Iterator[str]:
    """Yield the conftest modules that hold for a module of tests."""
    parts = module.split(".")
    for length in range(1, len(parts)):
        conftest = ".".join([*parts[:length], "conftest"])
        if conftest in known and conftest != module:
            yield conftest


def is_named(path: str, texts: set[str]) -> bool:
    """Return whether texts of a module lead to a file that nothing imports."""
    if path.startswith("infra/migrations/"):
        return "migrations" in texts
    if path.endswith(".py"):
        return False
    # "*.*" names every file, and so none.
    patterns = [text for text in texts if "*." in text and text[-1] != "*" and "\n" not in text]
    return PurePosixPath(path).name in texts or any(
        fnmatchcase(path, f"*{each}") for each in patterns
    )


def file_of(module: str) -> Path | None:
    """Return a module's file; None for a package that is only a folder."""
    package = PACKAGES.get(module.partition(".")[0])
    if package is None:
        return None
    path = package.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


def closeness(graph: Graph, changed: Sequence[str]) -> dict[str, float]:
    """Return how closely each module depends on the changed files; 1 for a changed one."""
    names = {str(file.relative_to(ROOT)): name for name in graph if (file := file_of(name))}
    roots = {*changed, *(names[path] for path in changed if path in names)}
    scores = dict.fromkeys(roots, 1.0)
    for _ in range(ROUNDS):
        scores = dict.fromkeys(roots, 1.0) | {
            name: sum(scores.get(each, 0.0) for each in imported) / len(imported)
            for name, imported in graph.items()
            if imported and name not in roots
        }
    return scores


def affected_tests(changed: Sequence[str]) -> list[str]:
    """Return the test files that a change touches, the closest first."""
    scores = closeness(import_graph(changed), changed)
    tests = {
        str(file.relative_to(ROOT)): score
        for name, score in scores.items()
        if score > 0 and name.startswith("tests.") and (file := file_of(name))
        if file.name.startswith("test_")
    }
    return sorted(tests, key=lambda each: (-tests[each], each))
