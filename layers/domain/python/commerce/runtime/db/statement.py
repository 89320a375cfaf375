"""A statement: its SQL is compiled once, for deployed functions when the layer is built.

Importing SQLAlchemy takes longer than importing all of our own code, so it happens only where
something is compiled. A context keeps its statements in a module of their own, and `precompiled`
reads them from statements.json instead, which only the built layer has.
"""

import json
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from commerce.runtime.db.pipeline import Query

if TYPE_CHECKING:
    from sqlalchemy import Executable

COMPILED = Path(__file__).parents[2] / "statements.json"
"""By module and name: each statement as it was compiled."""


class Compiled(NamedTuple):
    """A statement as it is sent to PostgreSQL."""

    sql: str
    names: list[str]
    """Names of the parameters, in the order of their numbers."""
    constants: dict[str, Any]
    """Parameters that have a value of their own."""
    documents: list[str]
    """Names of the parameters that are sent as JSON."""


class Statement:
    """A Core statement, compiled once per process, when it is first used."""

    def __init__(
        self,
        build: "Executable | Callable[[], Executable] | None",
        compiled: Compiled | None = None,
    ) -> None:
        self._build = build
        self._compiled = compiled

    def __call__(self, **values: Any) -> Query:
        """Return the statement with its parameters; every bindparam must be given."""
        sql, names, constants, documents = self.compiled
        known = {**constants, **values} if constants else values
        if documents:
            return Query(
                sql,
                [_document(known[name]) if name in documents else known[name] for name in names],
                is_lasting=True,
            )
        return Query(sql, [known[name] for name in names], is_lasting=True)

    @property
    def compiled(self) -> Compiled:
        """The statement as it is sent."""
        if self._compiled is None:
            from commerce.runtime.db.compiler import compile_core

            self._compiled = Compiled(*compile_core(self._build))
        return self._compiled


def _document(value: Any) -> str | None:
    return None if value is None else json.dumps(value)  # NULL, not the JSON text `null`


class precompiled:  # noqa: N801 - it stands where `import` would
    """Stands for a module of statements: those compiled ahead, else those of the module itself.

    Statements are the module's public attributes: each a Statement, or a dictionary of them with
    strings as keys.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        compiled = _compiled().get(self._module, {}).get(name)
        if compiled is None:
            found = getattr(import_module(self._module), name)
        elif isinstance(compiled, dict):
            found = {key: Statement(None, Compiled(*each)) for key, each in compiled.items()}
        else:
            found = Statement(None, Compiled(*compiled))
        setattr(self, name, found)
        return found


@cache
def _compiled() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(COMPILED.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}  # in development
    return found
