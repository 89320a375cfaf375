"""Compiles the SQL statements of every context, so that functions start without SQLAlchemy.

`sam build` runs this for the domain layer, whose functions read the result. Where it is missing, in
development and in tests, a statement is compiled when it is first used.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from commerce.runtime.db.statement import COMPILED, Statement


def modules() -> list[str]:
    """Return the names of all modules of statements."""
    package = COMPILED.parent
    files = package.rglob("*statements.py")
    return sorted(
        ".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files
    )


def compile_all() -> dict[str, Any]:
    """Compile each statement in this process; returns them as they are sent, by module and name."""
    return {name: _compiled_of(vars(import_module(name))) for name in modules()}


def write_compiled(file: Path) -> None:
    """Write what `compile_all` returns as JSON."""
    file.write_text(json.dumps(compile_all(), ensure_ascii=False), encoding="utf-8")


def _compiled_of(attributes: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith("_"):
            continue
        if isinstance(value, Statement):
            found[name] = value.compiled
        elif isinstance(value, dict) and all(
            isinstance(each, Statement) for each in value.values()
        ):
            if not all(isinstance(key, str) for key in value):
                raise TypeError(f"{name}: statements are compiled by keys that are strings")
            found[name] = {key: each.compiled for key, each in value.items()}
    return found


if __name__ == "__main__":
    write_compiled(COMPILED)
