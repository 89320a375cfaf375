"""Answers of the ranking context."""

from commerce.shared.schemas import View


class RankingWeightsView(View):
    """The weights of a view, a like and an order."""

    view: float
    like: float
    order: float
