"""Ranking weights in PostgreSQL, and rankings of days computed from the products' metrics."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from commerce.ranking.model import CARRIED_FOR, CARRIED_SHARE, Ranked, Weights
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from commerce.ranking import statements as sql
else:
    sql = precompiled("commerce.ranking.statements")


class RankingRepository(Protocol):
    """Stores the weights, and reads the days' metrics."""

    def find_weights(self) -> Weights | None:
        """Return the newest weights; None if none were ever set."""

    def add_weights(self, weights: Weights, *, by: str, at: datetime) -> None:
        """Store new weights. Raises Contention if their version exists."""

    def top(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        """Compute a part of a day's ranking from the metrics, one caller at a time."""

    def scores(self, day: date, weights: Weights, after: UUID, limit: int) -> dict[UUID, float]:
        """Compute the scores of products with activity on the day, the next ones by their ids."""


class SqlRankingRepository:
    """Weights and metrics in PostgreSQL."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def find_weights(self) -> Weights | None:
        for row in self._uow.read(sql.NEWEST()):
            return Weights(
                version=row.version,
                view=row.view_weight,
                like=row.like_weight,
                order=row.order_weight,
            )
        return None

    def add_weights(self, weights: Weights, *, by: str, at: datetime) -> None:
        row = sql.SET(version=weights.version, set_by=by, set_at=at, **weights.by_column())
        # None: the loser of a race gets Contention, and decides again on the newer weights.
        self._uow.write(row, {"ranking_weights_pkey": lambda: None})

    def top(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        found = self._uow.lock(
            sql.ONE_AT_A_TIME(),
            sql.TOP(offset=offset, limit=limit, **_scoring(day, weights)),
        )
        return [
            Ranked(offset + place, row.product_id, row.score)
            for place, row in enumerate(found, start=1)
        ]

    def scores(self, day: date, weights: Weights, after: UUID, limit: int) -> dict[UUID, float]:
        found = self._uow.read(sql.SCORES(after=after, limit=limit, **_scoring(day, weights)))
        return {row.product_id: row.score for row in found}


def _scoring(day: date, weights: Weights) -> dict[str, Any]:
    first = date.fromordinal(max(1, day.toordinal() - CARRIED_FOR))
    return {"share": CARRIED_SHARE, "day": day, "first": first, **weights.by_column()}
