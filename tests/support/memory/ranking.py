"""Ranking weights and days' metrics in memory."""

from collections.abc import Mapping
from datetime import date, datetime
from math import log
from uuid import UUID

from commerce.ranking import Ranked, Weights
from commerce.runtime.db.connection import Contention

Day = Mapping[UUID, tuple[int, int, int]]
"""Views, likes and amount of each product."""


class MemoryRankingRepository:
    """A RankingRepository in memory: each write is visible to the next read."""

    def __init__(self, days: Mapping[date, Day] | None = None) -> None:
        self._days = days or {}
        self.kept: dict[int, tuple[Weights, str]] = {}

    def find_weights(self) -> Weights | None:
        return self.kept[max(self.kept)][0] if self.kept else None

    def add_weights(self, weights: Weights, *, by: str, at: datetime) -> None:
        if weights.version in self.kept:
            raise Contention("ranking_weights_pkey holds again")
        self.kept[weights.version] = (weights, by)

    def top(self, day: date, weights: Weights, offset: int, limit: int) -> list[Ranked]:
        found = {id_: score for id_, score in self._scored(day, weights).items() if score > 0}
        places = sorted(found, key=lambda id_: (found[id_], id_), reverse=True)
        shown = places[offset : offset + limit]
        return [Ranked(offset + n, id_, found[id_]) for n, id_ in enumerate(shown, start=1)]

    def scores(self, day: date, weights: Weights, after: UUID, limit: int) -> dict[UUID, float]:
        active = sorted(id_ for id_ in self._days.get(day, {}) if id_ > after)[:limit]
        scores = self._scored(day, weights)
        return {id_: scores[id_] for id_ in active}

    def _scored(self, day: date, weights: Weights) -> dict[UUID, float]:
        scores: dict[UUID, float] = {}
        for other, products in self._days.items():
            age = (day - other).days
            if 0 <= age <= 7:
                for id_, (views, likes, amount) in products.items():
                    logarithm = log(1 + max(amount, 0))
                    counted = weights.view * max(views, 0) + weights.like * max(likes, 0)
                    parts = counted + weights.order * logarithm
                    scores[id_] = scores.get(id_, 0.0) + 0.1**age * parts
        return {id_: round(score, 9) for id_, score in scores.items()}
