"""PUT /admin/ranking-weights: an admin sets how much views, likes and orders count."""

from commerce.app.ranking_boards import boards
from commerce.app.transactions import in_transaction
from commerce.entrypoints.http import Scope, Staff, http_api, lambda_handler
from commerce.ranking import RankingFacade, RankingWeightsView, SetRankingWeights

api = http_api()


@api.put("/admin/ranking-weights")
def put_ranking_weights(command: SetRankingWeights, staff: Staff) -> RankingWeightsView:
    weights = in_transaction(RankingFacade.set_weights, command, by=staff.by)
    boards().rescore_running(weights)  # a board that this misses is rescored when it is next read
    return RankingWeightsView.model_validate(weights)


handler = lambda_handler(api, access=Scope.CATALOGUE)
