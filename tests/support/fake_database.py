"""A fake database that remembers the queries, with answers given by the test."""

from collections.abc import Callable, Sequence

from commerce.runtime.db.connection import Database
from commerce.runtime.db.pipeline import Query, Row

Answers = Callable[[Query], list[Row]]


class FakeDatabase(Database):
    """A Database that reaches no server."""

    def __init__(self, answers: Answers = lambda _: []) -> None:
        super().__init__(lambda: "postgresql://nowhere")
        self._answers = answers
        self._failures: list[Exception | None] = []
        self._is_open = True
        self.runs: list[list[Query]] = []

    @property
    def is_open(self) -> bool:
        return self._is_open

    @property
    def sent(self) -> list[list[str]]:
        """The SQL of each round trip."""
        return [[query.sql for query in queries] for queries in self.runs]

    def fail(self, *failures: Exception | None) -> None:
        """Fail the next runs with these errors, in order; None lets one succeed."""
        self._failures += failures

    def run(self, queries: Sequence[Query], *, in_transaction: bool = False) -> list[list[Row]]:
        assert queries, "a round trip with nothing in it"
        self.runs.append(list(queries))
        failure = self._failures.pop(0) if self._failures else None
        if failure is not None:
            raise failure
        return [self._answers(query) for query in queries]

    def close(self) -> None:
        self._is_open = False
