"""Health checks of the deployed stack."""

from collections.abc import Iterator

import pytest

from tests.e2e.shop import Shop
from tests.e2e.stack import Stack


def test_health_names_the_version_and_the_schema_revision(stack: Stack, shop: Shop) -> None:
    health = shop.anyone.health().require(200)

    with stack.database() as database:
        [[revision]] = database.run("SELECT version_num FROM alembic_version")
    assert health["schema_revision"] == revision
    assert health["version"]


def test_health_is_503_while_the_schema_is_behind_the_code(shop: Shop, schema_behind: None) -> None:
    problem = shop.anyone.health().require_problem(503)

    assert problem["schema_revision"] == "0000"
    assert problem["version"]


@pytest.fixture
def schema_behind(stack: Stack, shop: Shop) -> Iterator[None]:
    """The database says that its schema is of a revision before the code's."""
    with stack.database() as database:
        [[revision]] = database.run("SELECT version_num FROM alembic_version")
        database.run("UPDATE alembic_version SET version_num = '0000'")
        try:
            yield
        finally:
            database.run("UPDATE alembic_version SET version_num = :now", now=revision)
    shop.anyone.health().require(200)
