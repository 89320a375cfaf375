"""Pin the packages of every environment in lock files, with hashes.

    python -m infra.lock                      every package anew, at its newest version
    python -m infra.lock PACKAGE [--to FILE]  that one beside the others, which stay as they are

FILE is the list to which the package is added: requirements.in, for a developer's machine, unless
another one is named (layers/dependencies/requirements.in is for what functions import,
layers/migrations/requirements.in for what migrations do).
"""

import argparse
import re
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from infra.local.errors import LocalError
from infra.template import ROOT

FLAGS = ("--universal", "--python-version", "3.11", "--generate-hashes", "--no-emit-index-url",
         "--no-header", "--quiet")  # fmt: skip
_NAME = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[a-z0-9_,-]+\])?([=<>~!].*)?")


@dataclass(frozen=True, slots=True)
class PackageSet:
    """A list of packages and the lock file made of it."""

    source: str
    lock: str
    constraint: str = ""

    def compile(self, root: Path, *, upgrade: bool) -> None:
        """Resolve the list; pins of the lock file stay unless `upgrade`. Raises LocalError."""
        words: list[str | Path] = [Path(sysconfig.get_path("scripts")) / "uv", "pip", "compile"]
        words += [*FLAGS, *(["--upgrade"] if upgrade else [])]
        words += ["-c", self.constraint] if self.constraint else []
        if subprocess.run([*words, self.source, "-o", self.lock], cwd=root, check=False).returncode:
            raise LocalError(f"{self.source} cannot be resolved; uv's message is above.")

    def pins(self, root: Path) -> dict[str, str]:
        """Return the version of each package in the lock file."""
        lines = (root / self.lock).read_text(encoding="utf-8").splitlines()
        pinned = (line.split(" ")[0].split("==") for line in lines if re.match(r"[a-z0-9]", line))
        return {name: version for name, version, *_ in pinned}


LAYERS = tuple(
    PackageSet(f"{folder}/requirements.in", f"{folder}/requirements.txt", "requirements.lock")
    for folder in ("layers/dependencies", "layers/migrations")
)
SETS = (
    PackageSet("requirements.in", "requirements.lock"),
    PackageSet("requirements-emulator.in", "requirements-emulator.lock"),
    PackageSet("requirements-audit.in", "requirements-audit.lock"),
    PackageSet("requirements-clients.in", "requirements-clients.lock"),
    PackageSet("requirements-bootstrap.in", "requirements-bootstrap.lock"),
    *LAYERS,
)


def lock_all(root: Path = ROOT) -> None:
    """Pin every package at its newest version."""
    for each in SETS:
        each.compile(root, upgrade=True)


def add(package: str, source: str, root: Path = ROOT) -> list[str]:
    """Add a package to a list and pin it; returns what changed in the lock files, as lines.

    Raises LocalError, with all files as they were, where the package is there already or cannot
    be had.
    """
    named = _NAME.fullmatch(package)
    if named is None:
        raise LocalError(f"{package} names no package: make lock ADD=watchfiles")
    affected = [each for each in SETS if each.source == source]
    if not affected:
        lists = ", ".join(each.source for each in SETS)
        raise LocalError(f"There is no list {source}: TO is one of {lists}")
    if affected[0] in LAYERS:
        affected = [SETS[0], *affected]  # the developer's list includes those of the layers
    lines = (root / source).read_text(encoding="utf-8").splitlines()
    if named["name"].lower() in (line.lower().split("[")[0].split("=")[0] for line in lines):
        raise LocalError(f"{named['name']} is in {source} already.")
    files = {name: root / name for name in (source, *(each.lock for each in affected))}
    before = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    pins = [each.pins(root) for each in affected]
    packages = [line for line in lines if not line.startswith(("#", "-r"))]
    head = lines[: len(lines) - len(packages)]  # comments and included lists come first
    listed = [*head, *sorted([*packages, package], key=str.lower)]
    files[source].write_text("\n".join(listed) + "\n", encoding="utf-8")
    try:
        for each in affected:
            each.compile(root, upgrade=False)
    except LocalError:
        for name, file in files.items():
            file.write_text(before[name], encoding="utf-8")
        raise
    return [
        line
        for each, old in zip(affected, pins, strict=True)
        for line in _changes(each.lock, old, each.pins(root))
    ]


def _changes(lock: str, before: dict[str, str], after: dict[str, str]) -> list[str]:
    return [
        f"{lock}: {name} {before[name]} → {version}"
        if name in before
        else f"{lock}: {name} {version}"
        for name, version in after.items()
        if before.get(name) != version
    ]


def main(arguments: list[str] | None = None) -> int:
    """Pin all packages, or add one."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.lock",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("package", nargs="?")
    parser.add_argument("--to", default="requirements.in", metavar="FILE")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.package is None:
            lock_all()
        else:
            print("\n".join(add(chosen.package, chosen.to)))
    except LocalError as error:
        print(f"✗ {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
