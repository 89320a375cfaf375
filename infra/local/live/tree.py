"""The files that can be reloaded, and folders of them from which functions run."""

import hashlib
import os
import py_compile
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path

# By the name of the part: its folder in the project, and where it lies in the deployed package.
PARTS = {
    "functions": ("functions", ""),
    "domain": ("layers/domain/python", "python"),
    "migrations": ("infra/migrations", ""),
}
STATEMENTS = "python/commerce/statements.json"  # SQL that was compiled when the layer was built
# What no statement is made of: entry points and the application are above all contexts.
_NEVER_IN_STATEMENTS = ("facade.py", "views.py", "errors.py", "repository.py")
_ABOVE_STATEMENTS = ("layers/domain/python/commerce/entrypoints/",)
KEPT_FOLDERS = 6  # of each part: code in flight may still load a module from the one before

Files = Mapping[str, str]
"""Digests by path, relative to the project."""


@dataclass(frozen=True, slots=True)
class Part:
    """One package of the deployed stack whose source is a folder of the project."""

    name: str
    root: Path

    @property
    def source(self) -> Path:
        """Its folder in the project."""
        return self.root / PARTS[self.name][0]

    def of(self, files: Files) -> dict[str, str]:
        """Return those of the files that are this part's."""
        prefix = f"{PARTS[self.name][0]}/"
        return {name: digest for name, digest in files.items() if name.startswith(prefix)}

    def packaged(self, name: str) -> Path:
        """Return where a file lies in the package."""
        folder, inside = PARTS[self.name]
        return Path(inside, name.removeprefix(f"{folder}/"))


def scan(root: Path) -> dict[str, str]:
    """Return the digests of all files that can be reloaded."""
    found = {}
    for folder, _ in PARTS.values():
        for file in sorted((root / folder).rglob("*")):
            if "__pycache__" in file.parts or file.name.startswith(".") or file.name.endswith("~"):
                continue  # an editor's own
            try:
                content = file.read_bytes()
            except (FileNotFoundError, IsADirectoryError):
                continue
            found[file.relative_to(root).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def differences(before: Files, after: Files) -> list[str]:
    """Return the paths that were added, changed or removed."""
    return sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


def write_folder(part: Part, files: Files, home: Path, former: Path | None, old: Files) -> Path:
    """Return a folder that holds the part as a package, with bytecode; equal files share one.

    Args:
        part: What to write.
        files: Its digests, as they are to be.
        home: The directory of all such folders.
        former: A folder from which unchanged files are linked, if there is one.
        old: The digests of what is in it.
    """
    own = part.of(files)
    digest = hashlib.sha256(repr(sorted(own.items())).encode()).hexdigest()[:16]
    folder = home / f"{part.name}-{digest}"
    if folder.exists():
        folder.touch()
        return folder
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for name in own:
        kept = former / part.packaged(name) if former and old.get(name) == own[name] else None
        _add_file(part.root / name, kept, draft / part.packaged(name))
    changed = differences(part.of(old), own)
    if former and (former / STATEMENTS).exists() and not any(map(_feeds_statements, changed)):
        os.link(former / STATEMENTS, draft / STATEMENTS)
    draft.rename(folder)
    return folder


def _add_file(source: Path, kept: Path | None, target: Path) -> None:
    """Copy a file and compile it, or link both from where they are already."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if kept is None or not kept.exists():
        shutil.copyfile(source, target)
    else:
        os.link(kept, target)
    if target.suffix != ".py":
        return
    bytecode = _bytecode(target)
    if kept is not None and _bytecode(kept).exists():
        bytecode.parent.mkdir(exist_ok=True)
        os.link(_bytecode(kept), bytecode)
    else:
        py_compile.compile(
            str(target),
            dfile=str(source),  # tracebacks and debuggers name the file that is edited
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _bytecode(file: Path) -> Path:
    return Path(cache_from_source(str(file)))


def _feeds_statements(name: str) -> bool:
    return not (name.endswith(_NEVER_IN_STATEMENTS) or name.startswith(_ABOVE_STATEMENTS))


def discard_old_folders(home: Path, in_use: Iterable[Path]) -> None:
    """Remove all but the newest folders of each part, and those in use."""
    used = set(in_use)
    for part in PARTS:
        folders = sorted(home.glob(f"{part}-*"), key=lambda each: each.stat().st_mtime)
        for folder in folders[:-KEPT_FOLDERS]:
            if folder not in used:
                shutil.rmtree(folder, ignore_errors=True)
