"""A shop with a database of the test's own, for what looks at whole tables or breaks them."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def own_shop(
    own_database_url: str, shop_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Handlers and helpers of this test use this database; its URL."""
    from commerce.app.ranking_boards import ranking_weights
    from commerce.runtime.db.current import database
    from tests.support.valkey import empty_valkey

    empty_valkey()  # what is kept is of another database
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    database().close()
    ranking_weights.cache_clear()
    yield own_database_url
    database().close()
    ranking_weights.cache_clear()
    empty_valkey()
