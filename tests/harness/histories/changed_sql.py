"""Statements with a part of their text changed, for planted bugs."""

from collections.abc import Mapping

from sqlalchemy import TextClause, text

from commerce.runtime.db.statement import Statement


def changed(statement: Statement, changes: Mapping[str, str]) -> TextClause:
    """Return the statement's text with each part replaced. Raises LookupError if one is missing."""
    sql = str(statement._build)
    for before, after in changes.items():
        if before not in sql:
            raise LookupError(f"the statement has no {before!r} to change")
        sql = sql.replace(before, after)
    return text(sql)
