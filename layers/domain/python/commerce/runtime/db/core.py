"""Building blocks of the contexts' Core statements: metadata, JSON rows, guards, updates."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    DateTime,
    FromClause,
    Insert,
    MetaData,
    Select,
    Table,
    Uuid,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from commerce.runtime.db.statement import Statement

metadata = MetaData()
"""Every context's tables, as statements see them. The schema is made by infra/migrations."""


def records(parameter: str, *columns: Any) -> FromClause:
    """Read rows from one JSON parameter: the statement is the same for any number of rows."""
    rows: BindParameter[Any] = bindparam(parameter, type_=JSONB)
    typed = [column(each.name, each.type) for each in columns]
    return (
        func.jsonb_to_recordset(rows)
        .table_valued(*typed)
        .render_derived(name=parameter, with_types=True)
    )


def insert_row(table: Table, **constants: Any) -> Statement:
    """INSERT one row; a parameter for each column that is not one of the constants."""
    values = {each.name: bindparam(each.name, type_=each.type) for each in table.columns}
    return Statement(insert(table).values(values | constants))


def insert_many(table: Table, *names: str) -> Statement:
    """Build an INSERT of `rows=[{name: value, …}]`, the same for any number of rows."""

    def build() -> Insert:
        source = records("rows", *(table.c[name] for name in names))
        return insert(table).from_select(list(names), select(*(source.c[name] for name in names)))

    return Statement(build)


def delete_older(
    table: Table, time_column: ColumnElement[Any], *also: ColumnElement[bool]
) -> Statement:
    """Build a DELETE of the `limit` oldest rows whose time is earlier than `before`.

    `also` narrows which rows. Locked rows are left to the next run. Returns the deleted keys.
    """
    key = table.primary_key.columns
    old = (
        select(*key)
        .where(time_column < bindparam("before", type_=DateTime(timezone=True)), *also)
        .order_by(time_column)
        .limit(bindparam("limit", type_=BigInteger))
        .with_for_update(skip_locked=True)
    )
    return Statement(delete(table).where(tuple_(*key).in_(old)).returning(*key))


def require(count: Any, expected: str, rule: str) -> Any:
    """Build a guard: unless `count` equals the parameter `expected`, `rule` is violated."""
    wanted: BindParameter[int] = bindparam(expected, type_=BigInteger)
    return func.require(count == wanted, rule)


def save_as_read(
    table: Table, rule: str, *columns: str, where: Sequence[ColumnElement[bool]] = ()
) -> Statement:
    """Build an UPDATE of the row with the version that was read; else `rule` is violated.

    Parameters: `row_id`, `version_read`, `new_version`, and `new_<column>` for each column.
    """

    def build() -> Select[Any]:
        saved = (
            update(table)
            .where(
                table.c.id == bindparam("row_id", type_=Uuid),
                table.c.version == bindparam("version_read", type_=BigInteger),
                *where,
            )
            .values(
                {
                    name: bindparam(f"new_{name}", type_=table.c[name].type)
                    for name in (*columns, "version")
                }
            )
            .returning(table.c.id)
            .cte("saved")
        )
        return select(func.require(func.count() == 1, rule)).select_from(saved)

    return Statement(build)
