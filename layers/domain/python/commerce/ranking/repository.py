"""Weights in PostgreSQL, and rankings of days computed from the products' metrics."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import bindparam, insert, select, text

from commerce.ranking.model import CARRIED_FOR, CARRIED_SHARE, Ranked, Weights
from commerce.ranking.tables import ranking_weights_table
from commerce.shared.database import Statement
from commerce.shared.errors import CommerceError
from commerce.shared.unit_of_work import UnitOfWork

_w = ranking_weights_table.c
_NEWEST = Statement(
    select(_w.version, _w.view_weight, _w.like_weight, _w.order_weight)
    .order_by(_w.version.desc())
    .limit(1)
)
_SET = Statement(
    insert(ranking_weights_table).values(
        {each.name: bindparam(each.name) for each in ranking_weights_table.c}
    )
)

# What was told n days before weighs a tenth n times: what the carry-overs make of it.
_TOP = Statement(
    text("""
    SELECT product_id, CAST(score AS double precision) AS score
    FROM (
        SELECT product_id, round(CAST(sum(
            power(CAST(:share AS double precision), CAST(:day AS date) - day)
            * (CAST(:view AS double precision) * views
                + CAST(:like AS double precision) * likes
                + CAST(:order AS double precision) * sign(amount)
                    * ln(1 + abs(CAST(amount AS double precision))))
        ) AS numeric), 9) AS score
        FROM product_metrics_daily
        WHERE day BETWEEN CAST(:first AS date) AND CAST(:day AS date)
        GROUP BY product_id
    ) AS scored
    WHERE score > 0
    ORDER BY score DESC, product_id DESC
    LIMIT CAST(:limit AS bigint) OFFSET CAST(:offset AS bigint)
    """)
)


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
        for row in self._uow.read(_NEWEST()):
            return Weights(
                version=row.version,
                view=row.view_weight,
                like=row.like_weight,
                order=row.order_weight,
            )
        return None

    def add_weights(self, weights: Weights, *, by: str, at: datetime) -> None:
        row = _SET(
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
            _TOP(
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
