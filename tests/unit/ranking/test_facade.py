"""Weights are the contract's until somebody sets others; each setting is kept."""

import pytest
from pydantic import ValidationError

from commerce.ranking import RankingFacade, SetRankingWeights, Weights
from tests.support.memory.ranking import MemoryRankingRepository


def test_without_stored_weights_the_defaults_apply() -> None:
    assert RankingFacade(MemoryRankingRepository()).weights() == Weights(
        version=0, view=0.1, like=0.2, order=0.7
    )


def test_the_newest_weights_apply_and_older_ones_stay_stored() -> None:
    repository = MemoryRankingRepository()
    rankings = RankingFacade(repository)
    first = rankings.set_weights(SetRankingWeights(view=0.5, like=0.2, order=0), by="Ann")
    second = rankings.set_weights(SetRankingWeights(view=1, like=0, order=0), by="Bob")
    assert (first.version, second.version) == (1, 2)
    assert rankings.weights() == second == Weights(version=2, view=1, like=0, order=0)
    assert repository.kept == {1: (first, "Ann"), 2: (second, "Bob")}


@pytest.mark.parametrize("weight", [-0.001, 1.001, float("nan"), float("inf"), "0.5", True, None])
def test_a_weight_is_a_number_from_0_to_1(weight: object) -> None:
    for name in ("view", "like", "order"):
        with pytest.raises(ValidationError):
            SetRankingWeights.model_validate({"view": 0, "like": 0.5, "order": 1, name: weight})
