"""The schema that the migrations make is the one the code was written for."""

import warnings
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from commerce.app.schema import schema
from commerce.ranking.tables import product_metrics_daily
from commerce.runtime.health import SCHEMA_REVISION
from tests.support.backends import ROOT


@pytest.fixture(scope="module")
def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "infra" / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def connected(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+pg8000://", 1))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def connection(database_url: str) -> Iterator[sa.Connection]:
    yield from connected(database_url)


@pytest.fixture
def own_connection(own_database_url: str) -> Iterator[sa.Connection]:
    yield from connected(own_database_url)


def differences(connection: sa.Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    with warnings.catch_warnings():
        # SQLAlchemy reflects a NOT VALID constraint in words that it does not take itself.
        warnings.filterwarnings("ignore", "Can't validate argument 'dialect_options'")
        return list(compare_metadata(context, schema()))


def constraints(connection: sa.Connection, *kinds: str) -> set[str]:
    found = connection.execute(
        sa.text(
            "SELECT conname FROM pg_constraint JOIN pg_namespace n ON n.oid = connamespace"
            " WHERE n.nspname = 'public' AND contype::text = ANY(:kinds)"
        ),
        {"kinds": list(kinds)},
    )
    return {str(name) for (name,) in found} - {"alembic_version_pkc"}


def test_the_tables_are_those_of_the_code(connection: sa.Connection) -> None:
    assert len(schema().tables) >= 14
    assert differences(connection) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE stock ALTER COLUMN quantity TYPE integer",
        "ALTER TABLE stock ALTER COLUMN quantity DROP NOT NULL",
        "ALTER TABLE stock DROP COLUMN version",
        "DROP INDEX outbox_unpublished",
        "CREATE TABLE unheard_of (id int)",
    ],
)
def test_a_difference_between_code_and_schema_is_found(
    own_connection: sa.Connection, change: str
) -> None:
    own_connection.execute(sa.text(change))
    assert differences(own_connection) != []


def test_a_ranking_reads_columns_that_the_metrics_table_has() -> None:
    table = schema().tables[product_metrics_daily.name]
    read = {each.name: repr(each.type) for each in product_metrics_daily.columns}
    assert read == {name: repr(table.c[name].type) for name in read}


def test_every_constraint_that_the_code_relies_on_exists(connection: sa.Connection) -> None:
    checks = {
        str(rule.name)
        for table in schema().tables.values()
        for rule in table.constraints
        if isinstance(rule, sa.CheckConstraint)
    }
    assert {"stock_not_negative", "points_not_negative"} <= checks
    assert constraints(connection, "c") == checks
    keys = {
        str(rule.name)
        for table in schema().tables.values()
        for rule in table.constraints
        if rule.name and not isinstance(rule, sa.CheckConstraint)
    }
    assert keys <= constraints(connection, "p", "u", "f")


def test_the_partial_indexes_are_those_of_the_code(connection: sa.Connection) -> None:
    partial = {
        str(index.name)
        for table in schema().tables.values()
        for index in table.indexes
        if index.dialect_options["postgresql"]["where"] is not None
    }
    sql = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
    assert {name for (name,) in connection.execute(sa.text(sql))} == partial


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE stock SET quantity = -1", "stock_not_negative"),
        ("UPDATE product SET price_amount = -1", "price_not_negative"),
        ("UPDATE product SET like_count = -1", "like_count_not_negative"),
        ("SELECT require(false, 'any_rule')", "any_rule"),
    ],
)
def test_a_violated_constraint_is_named(own_connection: sa.Connection, sql: str, rule: str) -> None:
    product_id, brand_id = (
        "018f0000-0000-7000-8000-000000000001",
        sa.text("INSERT INTO brand VALUES (gen_random_uuid(), 'Acme', '', 1, now()) RETURNING id"),
    )
    brand = own_connection.execute(brand_id).scalar_one()
    own_connection.execute(
        sa.text("INSERT INTO product VALUES (:id, :brand, 'Anvil', '', 1, 'KRW', 0, 1, now())"),
        {"id": product_id, "brand": brand},
    )
    own_connection.execute(sa.text("INSERT INTO stock VALUES (:id, 1, 1)"), {"id": product_id})
    with pytest.raises(sa.exc.DBAPIError) as refused:
        own_connection.execute(sa.text(sql))
    assert refused.value.orig is not None
    assert refused.value.orig.args[0]["n"] == rule


def test_a_satisfied_constraint_raises_nothing(connection: sa.Connection) -> None:
    assert connection.execute(sa.text("SELECT require(true, 'any_rule')")).scalar_one() == ""


def test_health_expects_the_newest_migration(configuration: Config) -> None:
    scripts = ScriptDirectory.from_config(configuration)
    assert scripts.get_heads() == [SCHEMA_REVISION]
    assert [each.revision for each in scripts.walk_revisions()] == sorted(
        (each.revision for each in scripts.walk_revisions()), reverse=True
    )


def test_migrations_upgrade_and_downgrade(
    configuration: Config, own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", own_database_url)
    command.downgrade(configuration, "base")
    for connection in connected(own_database_url):
        left = sa.inspect(connection).get_table_names()
        assert left == ["alembic_version"]
        functions = connection.execute(
            sa.text(
                "SELECT count(*) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace"
                " WHERE n.nspname = 'public'"
            )
        )
        assert functions.scalar_one() == 0
    command.upgrade(configuration, "head")
    for connection in connected(own_database_url):
        assert differences(connection) == []
