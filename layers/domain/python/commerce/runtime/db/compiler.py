"""Compiles SQLAlchemy Core to the text and parameters that PostgreSQL gets."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, Executable
from sqlalchemy.dialects import postgresql

_DIALECT = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def compile_core(
    build: Executable | Callable[[], Executable] | None,
) -> tuple[str, list[str], dict[str, Any], list[str]]:
    """Compile a statement, or the function that builds it, to the fields of `Compiled`."""
    core: Any = build if isinstance(build, Executable) else build()  # type: ignore[misc]
    compiled = core.compile(dialect=_DIALECT)
    required = {name for name, bind in compiled.binds.items() if bind.required}
    return (
        str(compiled),
        list(compiled.positiontup or ()),
        {name: value for name, value in compiled.params.items() if name not in required},
        [name for name, bind in compiled.binds.items() if isinstance(bind.type, JSON)],
    )
