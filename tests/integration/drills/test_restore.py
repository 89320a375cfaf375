"""The drill that restores: it holds, and finds a restored shop whose books are false."""

import pytest

from infra.drills import restore
from infra.drills.__main__ import DRILLS
from infra.drills.frame import Report
from infra.drills.load import Filled, fill_shop
from infra.local.process import Server
from tests.support.books import alter_stock

pytestmark = pytest.mark.usefixtures("own_shop")


def drill() -> Report:
    return DRILLS["restore"].run(3, lambda _: None)


def test_a_lost_database_is_restored_to_a_moment_and_reconciled() -> None:
    report = drill()
    assert report.failed == [], [each.proof for each in report.steps if not each.holds]
    assert len(report.steps) == 12


def test_a_unit_that_is_missing_in_the_restored_shop_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fill_wrongly(count: int) -> Filled:
        shop = fill_shop(count)
        alter_stock(shop.product, -1)
        return shop

    monkeypatch.setattr(restore, "fill_shop", fill_wrongly)
    assert drill().failed == [
        "The books hold at the moment",
        "The books hold after all that came again",
    ]


def test_a_log_that_ends_before_the_moment_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = restore.Place.restore

    def restore_without_the_log(self: restore.Place, moment: str) -> Server:
        for each in self.archive.glob("0*"):
            each.unlink()
        return real(self, moment)

    monkeypatch.setattr(restore.Place, "restore", restore_without_the_log)
    [step] = [each for each in drill().steps if not each.holds]
    assert step.name == "The drill runs to its end"
    assert "recovery ended before configured recovery target was reached" in step.proof
