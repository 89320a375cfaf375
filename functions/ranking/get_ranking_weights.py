"""GET /admin/ranking-weights: show an admin how much views, likes and orders count."""

from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, http_api, lambda_handler
from commerce.ranking import RankingFacade, RankingWeightsView

api = http_api()


@api.get("/admin/ranking-weights")
def get_ranking_weights() -> RankingWeightsView:
    return RankingWeightsView.model_validate(in_transaction(RankingFacade.weights))


handler = lambda_handler(api, access=Scope.CATALOGUE)
