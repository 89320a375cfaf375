"""The drill that migrates: it holds, and finds false books and a lock that is held for long."""

import os

import pytest

from commerce.runtime.health import SCHEMA_REVISION
from infra.drills import migrate
from infra.drills.__main__ import DRILLS
from infra.drills.frame import Report
from infra.drills.load import Filled, fill_shop
from tests.support import backends
from tests.support.books import alter_stock

pytestmark = pytest.mark.usefixtures("own_shop")

SLOW_DDL = """
    CREATE FUNCTION hold_the_lock() RETURNS event_trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.7); END $$
"""
AT_THE_END = """
    CREATE EVENT TRIGGER slow ON ddl_command_end WHEN TAG IN ('ALTER TABLE')
        EXECUTE FUNCTION hold_the_lock()
"""


def drill() -> Report:
    return DRILLS["migrate"].run(6, lambda _: None)


def test_a_shop_is_downgraded_and_upgraded_while_orders_go_on() -> None:
    report = drill()
    assert report.failed == [], [each.proof for each in report.steps if not each.holds]
    names = [each.name for each in report.steps]
    assert f"Downgrade from {SCHEMA_REVISION} to {int(SCHEMA_REVISION) - 1:04}" in names
    assert f"Upgrade to {SCHEMA_REVISION}" in names
    assert names[-3:] == [
        f"The books hold at {SCHEMA_REVISION}",
        "The schema is as before",
        "The books hold after all",
    ]


def test_a_unit_that_is_missing_after_a_downgrade_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill_wrongly(count: int) -> Filled:
        shop = fill_shop(count)
        alter_stock(shop.product, -1)
        return shop

    monkeypatch.setattr(migrate, "fill_shop", fill_wrongly)
    assert f"The books hold at {SCHEMA_REVISION}" in drill().failed


def test_a_migration_that_holds_a_lock_for_too_long_is_found(
    own_shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LONGEST_LOCK_SECONDS", 0.5)
    superuser = f"{os.environ['SUPERUSER_URL'].rpartition('/')[0]}/{own_shop.rpartition('/')[2]}"
    backends.run(superuser, SLOW_DDL)
    backends.run(superuser, AT_THE_END)
    found = drill().failed
    assert [each for each in found if each.startswith("Upgrade to ")] != [], found
