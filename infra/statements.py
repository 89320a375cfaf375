"""`make statements`: compile every context's statements ahead, for a cold start without SQLAlchemy.

They are written to commerce/statements.json, which the functions read. Who changed a statement and
did not write them anew is told so by the tests, before any of them runs.
"""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from commerce.runtime.db.statement import COMPILED, Statement

PACKAGE = Path(COMPILED).parent


def modules() -> list[str]:
    """Every module of statements."""
    files = PACKAGE.rglob("*statements.py")
    return sorted(
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files
    )


def compiled() -> dict[str, dict[str, Any]]:
    """By module and name, as they are sent."""
    return {name: _compiled_of(vars(import_module(name))) for name in modules()}


def text() -> str:
    """What is written."""
    return json.dumps(compiled(), indent=1, ensure_ascii=False) + "\n"


def is_current() -> bool:
    """Whether what is kept is what the modules say."""
    return COMPILED.exists() and COMPILED.read_text(encoding="utf-8") == text()


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
                raise TypeError(f"{name}: only texts can be keys of statements compiled ahead")
            found[name] = {key: each.compiled for key, each in value.items()}
    return found


if __name__ == "__main__":
    if not is_current():
        COMPILED.write_text(text(), encoding="utf-8")
        print(f"wrote {COMPILED}")  # noqa: T201
