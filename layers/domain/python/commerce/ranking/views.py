"""Rankings as callers see them."""

from commerce.product import ProductView
from commerce.shared.schemas import View


class RankingWeightsView(View):
    """How much a view, a like and an order count."""

    view: float
    like: float
    order: float


class RankedProductView(View):
    """A product with its place; `rank` counts from 1, over all pages."""

    rank: int
    score: float
    product: ProductView


class RankingView(View):
    """A page of a ranking, the best first."""

    items: list[RankedProductView]
