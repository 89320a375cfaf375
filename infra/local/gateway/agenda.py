"""Things to be done later, by threads of their own."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

WORKERS = 32


class Agenda:
    """Does each job at its time, side by side with the others."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._is_closed = False
        self._workers = ThreadPoolExecutor(WORKERS, "agenda")
        self._clock = threading.Thread(target=self._run, name="agenda-clock", daemon=True)
        self._clock.start()

    def after(self, seconds: float, job: Callable[[], None]) -> None:
        """Have the job done in so many seconds."""
        with self._changed:
            heapq.heappush(self._jobs, (time.monotonic() + seconds, next(self._numbers), job))
            self._changed.notify()

    def clear(self) -> None:
        """Forget what was not begun."""
        with self._changed:
            self._jobs.clear()

    def close(self) -> None:
        """Forget what was not begun, and wait for what was."""
        with self._changed:
            self._jobs.clear()
            self._is_closed = True
            self._changed.notify()
        self._clock.join()
        self._workers.shutdown(cancel_futures=True)

    def _run(self) -> None:
        with self._changed:
            while not self._is_closed:
                wait = self._jobs[0][0] - time.monotonic() if self._jobs else None
                if wait is None or wait > 0:
                    self._changed.wait(wait)
                else:
                    self._workers.submit(heapq.heappop(self._jobs)[2])
