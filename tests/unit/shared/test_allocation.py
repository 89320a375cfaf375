"""Money is split so that nothing is lost and nothing is made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shared.money import Money


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (0, [1, 1], [0, 0]),
        (1, [1, 1], [1, 0]),
        (5, [1, 1, 1], [2, 2, 1]),
        (10, [1, 2, 3], [2, 3, 5]),
        (100, [0, 1], [0, 100]),
        (3, [1_000_000, 1], [3, 0]),
    ],
)
def test_the_largest_remainders_get_the_rest(
    amount: int, weights: list[int], parts: list[int]
) -> None:
    assert Money(amount, "USD").allocate(weights) == [Money(part, "USD") for part in parts]


@given(
    st.integers(0, 10**15),
    st.lists(st.integers(0, 10**18), min_size=1, max_size=50).filter(any),
)
def test_the_parts_sum_to_the_whole_and_are_fair(amount: int, weights: list[int]) -> None:
    parts = [part.amount for part in Money(amount).allocate(weights)]
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - amount * weight) < sum(weights)
        assert amount > sum(weights) or part <= weight
