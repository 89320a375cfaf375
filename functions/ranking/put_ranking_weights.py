"""PUT /admin/ranking-weights: an admin says how much views, likes and orders count from now on."""

from commerce.bootstrap import boards, in_transaction
from commerce.entrypoints.http import ADMIN, Admin, http_api, lambda_handler
from commerce.ranking import RankingWeightsView, SetRankingWeights

api = http_api()


@api.put("/admin/ranking-weights")
def put_ranking_weights(command: SetRankingWeights, admin: Admin) -> RankingWeightsView:
    weights = in_transaction(lambda shop: shop.rankings.set_weights(command, by=admin.by))
    boards().weigh_running(weights)  # what this does not reach, its next reader does
    return RankingWeightsView.model_validate(weights)


handler = lambda_handler(api, access=ADMIN)
