"""Answers of the ranking context."""

from commerce.shared.schemas import View


class RankingWeightsView(View):
    """How much a view, a like and an order count."""

    view: float
    like: float
    order: float
