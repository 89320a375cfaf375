"""Weights in PostgreSQL, and rankings of days computed from the products' metrics."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from commerce.ranking.model import CARRIED_FOR, CARRIED_SHARE, Ranked, Weights
from commerce.runtime.db.statement import precompiled
from commerce.runtime.db.unit_of_work import UnitOfWork
from commerce.shared.errors import CommerceError

if TYPE_CHECKING:
    from commerce.ranking import statements as sql
else:
    sql = precompiled("commerce.ranking.statements")


class RankingRepository(Protocol):
    """Where the weights are kept, and the days' metrics are read."""

    def find_weights(self) -> Weights | None:
        """The newest weights; None where nobody ever set any."""

    def add_weights(self, weights: Weights, *, by: str, at: datetime) -> None:
        """Keep new weights. Contention where somebody else set that version."""

    def top(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        """A part of a day's ranking, computed from the metrics."""


class SqlRankingRepository:
    """Those of the database."""

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
        row = sql.SET(
            version=weights.version,
            view_weight=weights.view,
            like_weight=weights.like,
            order_weight=weights.order,
            set_by=by,
            set_at=at,
        )
        self._uow.write(row, {"ranking_weights_pkey": _decide_anew})

    def top(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        found: Sequence[Any] = self._uow.read(
            sql.TOP(
                share=CARRIED_SHARE,
                day=day,
                first=date.fromordinal(max(1, day.toordinal() - CARRIED_FOR)),
                view=weights.view,
                like=weights.like,
                order=weights.order,
                offset=offset,
                limit=limit,
            )
        )
        return [
            Ranked(offset + place, row.product_id, row.score)
            for place, row in enumerate(found, start=1)
        ]


def _decide_anew() -> CommerceError | None:
    return None
