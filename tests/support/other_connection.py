"""Other connections to the same database: lock holders and observers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commerce.runtime.db.connection import BEGIN, ROLLBACK, Database
from commerce.runtime.db.pipeline import Query, Row

PATIENCE_SECONDS = 30


@contextmanager
def held_by_another(url: str, sql: str, *values: object) -> Iterator[Database]:
    """Hold a transaction open in which the statement has run."""
    somebody = Database(lambda: url)
    try:
        somebody.run([BEGIN, Query(sql, values)])
        yield somebody
        if somebody.is_open:
            somebody.run([ROLLBACK])
    finally:
        somebody.close()


@contextmanager
def an_observer(url: str) -> Iterator[Callable[..., list[Row]]]:
    """Yield a function that runs a SELECT on a connection of its own, outside the test's."""
    onlooker = Database(lambda: url)
    try:
        yield lambda sql, *values: onlooker.run([Query(sql, values)])[0]
    finally:
        onlooker.close()


def wait_until(is_so: Callable[[], object], timeout_seconds: float = PATIENCE_SECONDS) -> None:
    """Return as soon as it is so; fail where it never is."""
    deadline = time.monotonic() + timeout_seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.01)
