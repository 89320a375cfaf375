"""Code goes live whole or not at all: what is written, and what is refused."""

import os
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from infra.local.live.code import _described, _module
from infra.local.live.tree import (
    KEPT_FOLDERS,
    Part,
    differences,
    discard_old_folders,
    scan,
    write_folder,
)

DOMAIN = "layers/domain/python/commerce"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a function and a domain."""
    root = tmp_path / "project"
    for name, text in {
        "functions/order/place_order.py": "import commerce.order.model\n",
        "functions/openapi.json": "{}",
        f"{DOMAIN}/order/model.py": "LIMIT = 1\n",
        f"{DOMAIN}/order/facade.py": "",
        f"{DOMAIN}/order/statements.py": "",
        "infra/migrations/versions/0001_first.py": "",
    }.items():
        write(root, name, text)
    return root


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def written(root: Path, part: str, former: Path | None = None, **old: str) -> Path:
    return write_folder(Part(part, root), scan(root), root.parent / "live", former, old)


def test_a_saved_added_or_removed_file_is_a_difference(root: Path) -> None:
    before = scan(root)
    write(root, f"{DOMAIN}/order/model.py", "LIMIT = 2\n")
    write(root, "functions/order/get_order.py", "")
    (root / "functions/openapi.json").unlink()
    assert differences(before, scan(root)) == [
        "functions/openapi.json",
        "functions/order/get_order.py",
        f"{DOMAIN}/order/model.py",
    ]


@pytest.mark.parametrize("name", [".place_order.py.swp", "place_order.py~", "__pycache__/a.pyc"])
def test_an_editors_files_and_bytecode_are_no_difference(root: Path, name: str) -> None:
    before = scan(root)
    write(root, f"functions/order/{name}", "x")
    assert scan(root) == before


def test_a_folder_has_the_packages_layout_and_bytecode(root: Path) -> None:
    folder = written(root, "domain")
    model = folder / "python/commerce/order/model.py"
    assert model.read_text() == "LIMIT = 1\n"
    assert Path(cache_from_source(str(model))).exists()
    assert (written(root, "functions") / "order/place_order.py").exists()


def test_a_folder_links_unchanged_files_and_compiles_changed_ones(root: Path) -> None:
    old = scan(root)
    former = written(root, "domain")
    write(root, f"{DOMAIN}/order/model.py", "LIMIT = 2\n")

    folder = write_folder(Part("domain", root), scan(root), root.parent / "live", former, old)

    inside = "python/commerce/order"
    assert (folder / inside / "model.py").read_text() == "LIMIT = 2\n"
    assert (former / inside / "model.py").read_text() == "LIMIT = 1\n"
    assert (folder / inside / "facade.py").samefile(former / inside / "facade.py")
    bytecode = [
        Path(cache_from_source(str(each / inside / "model.py"))) for each in (folder, former)
    ]
    assert bytecode[0].read_bytes() != bytecode[1].read_bytes()


@pytest.mark.parametrize(("changed", "is_kept"), [("facade", True), ("model", False)])
def test_compiled_statements_are_kept_unless_they_may_differ(
    root: Path,
    changed: str,
    is_kept: bool,  # noqa: FBT001 - pytest names it
) -> None:
    old = scan(root)
    former = written(root, "domain")
    statements = "python/commerce/statements.json"
    (former / statements).write_text("{}")
    write(root, f"{DOMAIN}/order/{changed}.py", "CHANGED = 1\n")

    folder = write_folder(Part("domain", root), scan(root), root.parent / "live", former, old)

    assert (folder / statements).exists() is is_kept


def test_equal_files_share_a_folder_and_old_ones_are_discarded(root: Path) -> None:
    first = written(root, "domain")
    assert written(root, "domain") == first
    for number in range(KEPT_FOLDERS + 2):
        write(root, f"{DOMAIN}/order/model.py", f"LIMIT = {number + 5}\n")
        os.utime(written(root, "domain"), (number, number))
    os.utime(first, (0, 0))

    discard_old_folders(root.parent / "live", [first])

    left = set((root.parent / "live").iterdir())
    assert first in left
    assert len(left) == KEPT_FOLDERS + 1


def test_a_syntax_error_is_described_with_file_and_line() -> None:
    try:
        compile("def f(:\n", "functions/order/gone.py", "exec")
    except SyntaxError as error:
        text = _described("functions/order/gone.py", error)
    assert text.splitlines() == [
        "functions/order/gone.py:1: SyntaxError: invalid syntax",
        "    def f(:",
    ]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("functions/order/place_order.py", "order.place_order"),
        (f"{DOMAIN}/order/__init__.py", "commerce.order"),
        (f"{DOMAIN}/order/model.py", "commerce.order.model"),
        ("functions/openapi.json", None),
        ("infra/migrations/versions/0001_first.py", None),
    ],
)
def test_a_file_is_checked_by_the_name_it_is_imported_by(name: str, module: str | None) -> None:
    assert _module(name) == module
