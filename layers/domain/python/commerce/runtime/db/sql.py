"""The precompiled statements of this package, for the modules of the runtime layer."""

from typing import TYPE_CHECKING

from commerce.runtime.db.statement import precompiled

if TYPE_CHECKING:
    from commerce.runtime.db import statements as sql
else:
    sql = precompiled("commerce.runtime.db.statements")

__all__ = ["sql"]
