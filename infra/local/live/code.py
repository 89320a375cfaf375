"""The code that the functions of the local stack run: as deployed, or as saved since.

The emulator reads in a file which folders take the place of which deployed packages
(run_emulator.py). A folder is written whole before that file names it, so a function runs the code
before or the code after, and code that does not compile or cannot be imported never goes live.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.local.deployment import STACK_NAME, Deployment
from infra.local.emulator import live_file
from infra.local.errors import LocalError
from infra.local.live.check import ImportCheck
from infra.local.live.tree import (
    PARTS,
    Part,
    differences,
    discard_old_folders,
    scan,
    write_folder,
)
from infra.template import ROOT, Function, functions, read_template

MIGRATE = "MigrateFunction"
LAYER = "DomainLayer"
SHOWN_FILES = 3
HINT = "Where the database has migrations that the code has not: make reset. Else see emulator.log."


class BrokenCode(LocalError):
    """Saved code cannot go live; the message names file and line. The code before serves on."""


@dataclass(slots=True)
class LiveState:
    """The live code, as the emulator reads it (code, layers) and as the next reload needs it."""

    structure: str = ""
    """Digest of what only a deploy can change, when it was deployed."""
    deployed: dict[str, str] = field(default_factory=dict)
    """Digests of the files that were deployed."""
    files: dict[str, str] = field(default_factory=dict)
    """Digests of the files that are live."""
    code: dict[str, str] = field(default_factory=dict)
    """By a function's name, the folder in place of its package."""
    layers: dict[str, str] = field(default_factory=dict)
    """By the digest of a layer's package, the folder in its place."""
    folders: dict[str, str] = field(default_factory=dict)
    """By part, its newest folder."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The result of a reload."""

    changed: list[str]
    revision: str | None
    """The schema's revision after migrating; None where no migration changed."""

    def __str__(self) -> str:
        shown = ", ".join(self.changed[:SHOWN_FILES])
        more = len(self.changed) - SHOWN_FILES
        files = f"{shown} and {more} more" if more > 0 else shown
        return files + (f", schema {self.revision}" if self.revision else "")


class LiveCode:
    """The code that the deployed functions of one local system run."""

    def __init__(self, deployment: Deployment, root: Path = ROOT) -> None:
        self._deployment = deployment
        self._root = root
        self._home = deployment.directory / "live"
        self._file = live_file(deployment.directory, deployment.port)
        self._refused: dict[str, str] | None = None

    @property
    def is_known(self) -> bool:
        """True where it is recorded what was deployed."""
        return self._file.exists()

    def note_deployed(self, files: dict[str, str], structure: str) -> None:
        """Record that everything runs as it was built from these files."""
        self._write(LiveState(structure=structure, deployed=files, files=files))

    def reload(self, check: ImportCheck | None = None) -> Reloaded | None:
        """Make live what was saved since; None where nothing was, or what was refused before.

        Raises BrokenCode where it does not compile, cannot be imported, or does not migrate: the
        code before serves on.
        """
        with self._alone():
            state = self._read()
            files = scan(self._root)
            changed = differences(state.files, files)
            if not changed or files == self._refused:
                return None
            self._refused = files  # until it has gone live
            if check is not None:
                return self._switch(state, files, changed, check)
            with ImportCheck() as own:
                return self._switch(state, files, changed, own)

    def is_as_deployed(self) -> bool:
        """Return whether the code in the work tree is what was built for the deploy."""
        return not differences(self._read().deployed, scan(self._root))

    def needs_deploy(self) -> bool:
        """Tell whether something changed that only a deploy brings to the stack."""
        return self._read().structure != self._deployment.structure()

    def _switch(
        self, state: LiveState, files: dict[str, str], changed: list[str], check: ImportCheck
    ) -> Reloaded:
        self._require_syntax(changed, files)
        folders = {part: self._folder(part, state, files) for part in self._parts_of(changed)}
        path = [folders.get("functions"), self._domain_path(state, folders)]
        self._require_imports([each for each in path if each], changed, files, check)
        revision = None
        if any(
            name in files for name in Part("migrations", self._root).of(dict.fromkeys(changed, ""))
        ):
            revision = self._migrate(state, folders["migrations"])
        if "functions" in folders:
            for function in self._to_reload(changed):
                if name := self._names.get(function.logical_id):
                    state.code[name] = str(folders["functions"])
        if "domain" in folders:
            state.layers[self._layer_digest] = str(folders["domain"])
        state.files = files
        state.folders |= {part: str(folder) for part, folder in folders.items()}
        self._write(state)
        self._refused = None
        in_use = [*state.code.values(), *state.layers.values(), *state.folders.values()]
        discard_old_folders(self._home, map(Path, in_use))
        return Reloaded(changed, revision)

    def _parts_of(self, changed: list[str]) -> list[str]:
        touched = dict.fromkeys(changed, "")
        return [name for name in PARTS if Part(name, self._root).of(touched)]

    def _folder(self, name: str, state: LiveState, files: dict[str, str]) -> Path:
        part = Part(name, self._root)
        if kept := state.folders.get(name):
            return write_folder(part, files, self._home, Path(kept), state.files)
        # What `sam build` made for the deploy has bytecode and compiled statements.
        built = self._deployment.directory / "build" / LAYER if name == "domain" else None
        return write_folder(part, files, self._home, built, state.deployed)

    def _domain_path(self, state: LiveState, folders: dict[str, Path]) -> Path:
        if "domain" in folders:
            return folders["domain"] / "python"
        if kept := state.folders.get("domain"):
            return Path(kept) / "python"
        return self._root / PARTS["domain"][0]

    # --- what may go live --------------------------------------------------------------------

    def _require_syntax(self, changed: list[str], files: dict[str, str]) -> None:
        for name in changed:
            if name.endswith(".py") and name in files:
                try:
                    compile((self._root / name).read_bytes(), name, "exec", dont_inherit=True)
                except (SyntaxError, ValueError) as error:
                    raise BrokenCode(_described(name, error)) from error

    def _require_imports(
        self, path: list[Path], changed: list[str], files: dict[str, str], check: ImportCheck
    ) -> None:
        """Import what changed, as the functions would; migrations say themselves what is wrong."""
        modules = [
            module
            for name in changed
            if name in files and (module := _module(name)) and self._is_imported(name)
        ]
        if failure := check.failure(path, modules, self._environment):
            raise BrokenCode(failure)

    def _is_imported(self, name: str) -> bool:
        return not name.startswith("functions/") or name in self._sources

    def _migrate(self, state: LiveState, folder: Path) -> str:
        """Migrate with the new migrations, while the code before still serves."""
        name = self._names[MIGRATE]
        before = dict(state.code)
        state.code[name] = str(folder)
        self._write(state)
        try:
            answer = self._deployment.invoke(name, {})
        except LocalError as error:
            state.code = before
            self._write(state)
            raise BrokenCode(f"{error}\n  {HINT}") from error
        return str(answer["revision"])

    # --- what is deployed --------------------------------------------------------------------

    def _to_reload(self, changed: list[str]) -> list[Function]:
        """Return whose folder changes: one function's own file is of no other's concern."""
        touched = [name for name in changed if name.startswith("functions/")]
        if all(name in self._sources for name in touched):
            return [self._sources[name] for name in touched]
        return list(self._sources.values())

    @cached_property
    def _sources(self) -> dict[str, Function]:
        every = functions(read_template())
        own = (each for each in every if each.code_uri.strip("/") == "functions")
        return {each.source.as_posix(): each for each in own}

    @cached_property
    def _names(self) -> dict[str, str]:
        """The deployed functions' names, by logical id."""
        pages = (
            self._deployment.client("cloudformation")
            .get_paginator("list_stack_resources")
            .paginate(StackName=STACK_NAME)
        )
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == "AWS::Lambda::Function"
        }

    @cached_property
    def _configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = self._deployment.client("lambda").get_function_configuration(
            FunctionName=next(name for key, name in self._names.items() if key != MIGRATE)
        )
        return found

    @property
    def _environment(self) -> dict[str, str]:
        variables: dict[str, str] = self._configuration["Environment"]["Variables"]
        return {**variables, "AWS_DEFAULT_REGION": "us-east-1"}

    @cached_property
    def _layer_digest(self) -> str:
        lambda_ = self._deployment.client("lambda")
        for layer in self._configuration["Layers"]:
            if LAYER in layer["Arn"]:
                found = lambda_.get_layer_version_by_arn(Arn=layer["Arn"])
                return str(found["Content"]["CodeSha256"])
        raise LocalError("The deployed functions have no domain layer: make reset, make up.")

    # --- the record --------------------------------------------------------------------------

    def _read(self) -> LiveState:
        try:
            return LiveState(**json.loads(self._file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise LocalError("It is not known what was deployed: make reset, make up.") from error

    def _write(self, state: LiveState) -> None:
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps(asdict(state)), encoding="utf-8")
        draft.replace(self._file)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let `make reload` and the watcher of `make up` take turns."""
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _module(name: str) -> str | None:
    """Return the name by which functions import a file; None where they do not."""
    for part in ("functions", "domain"):
        folder = f"{PARTS[part][0]}/"
        if name.startswith(folder) and name.endswith(".py"):
            parts = Path(name.removeprefix(folder)).with_suffix("").parts
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return None


def _described(name: str, error: SyntaxError | ValueError) -> str:
    line = getattr(error, "lineno", None) or 1
    text = (getattr(error, "text", None) or "").strip()
    what = f"{name}:{line}: {type(error).__name__}: {getattr(error, 'msg', error)}"
    return f"{what}\n    {text}" if text else what
