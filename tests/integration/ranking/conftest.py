"""Boards that are empty when a test begins, and a clock that it sets."""

from collections.abc import Iterator

import pytest

from tests.support.valkey import empty_valkey


@pytest.fixture(autouse=True)
def _empty_boards(shop_environment: None) -> Iterator[None]:
    from commerce.app.ranking_boards import ranking_weights  # imported when the environment is set
    from commerce.app.rankings import rankings

    empty_valkey()
    ranking_weights.cache_clear()
    rankings.cache_clear()
    yield
    empty_valkey()
