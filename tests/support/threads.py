"""Many threads, one moment."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

T = TypeVar("T")


def run_concurrently(calls: Sequence[Callable[[], T]], deadline_seconds: float = 60) -> list[T]:
    """Run all calls at the same time, each on its own thread and so its own connection.

    They wait for each other before they start. Raises the first exception.
    """
    start = Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        start.wait(deadline_seconds)
        try:
            return call()
        finally:
            _let_go_of_the_connection()

    with ThreadPoolExecutor(max_workers=len(calls)) as threads:
        futures = [threads.submit(run, call) for call in calls]
        return [future.result(deadline_seconds) for future in futures]


def _let_go_of_the_connection() -> None:
    from commerce.runtime.db.current import database  # imported when the environment is set

    database().close()
