"""Large results, read in parts through a cursor of the server."""

from collections.abc import Iterator

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row


def in_parts(database: Database, query: Query, rows: int) -> Iterator[list[Row]]:
    """Run a query in the open transaction and yield up to `rows` rows of its result at a time."""

    def run(sql: str, *values: object) -> list[Row]:
        return database.run([Query(sql, values)], in_transaction=True)[0]

    run(f"DECLARE parts NO SCROLL CURSOR FOR {query.sql}", *query.values)
    while found := run(f"FETCH {rows} FROM parts"):
        yield found
    run("CLOSE parts")
