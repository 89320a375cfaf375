"""Ranking weights in PostgreSQL, and rankings of days computed from the products' metrics."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

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
            sql.TOP(
                share=CARRIED_SHARE,
                day=day,
                first=date.fromordinal(max(1, day.toordinal() - CARRIED_FOR)),
                offset=offset,
                limit=limit,
                **weights.by_column(),
            ),
        )
        return [
            Ranked(offset + place, row.product_id, row.score)
            for place, row in enumerate(found, start=1)
        ]
