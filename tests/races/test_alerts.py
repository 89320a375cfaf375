"""Alerts under contention: occurrences are counted exactly, and operators' acts exclude others."""

from functools import partial

import pytest

from commerce.app.alerts import record
from commerce.app.alerts.record import Condition
from commerce.runtime.alerts import Alert
from commerce.shared import clock
from tests.support.operations import acknowledge, an_alert
from tests.support.shop import an_admin, rows
from tests.support.threads import run_concurrently

pytestmark = pytest.mark.usefixtures("own_shop")

NOTICE = Alert(
    "SHIPMENT_NOTICE_FAILED", "ORDER 1", "It failed.", {}, "shipment-notice-failed.md", "order=1"
)


def _raise_ten_times() -> None:
    for _ in range(10):
        record.raised(NOTICE)


def test_occurrences_that_are_recorded_at_once_are_counted_exactly() -> None:
    run_concurrently([_raise_ten_times] * 6)
    assert rows("SELECT count FROM alert") == [(60,)]


def test_samplers_that_see_many_conditions_in_any_order_end_without_deadlock() -> None:
    found = [Condition("DEAD_LETTERS", f"queue-{n}", "", "dead-letters.md") for n in range(40)]
    now = clock.now()
    orders = [found, found[::-1], found[20:] + found[:20]]
    run_concurrently([partial(record.seen, each, now) for each in orders * 3])
    assert rows("SELECT count(*), sum(count)::int FROM alert") == [(40, 40)]


def test_of_many_operators_who_saw_one_version_one_acknowledges() -> None:
    alert, admins = an_alert(NOTICE.code, NOTICE.about), [an_admin() for _ in range(6)]
    tag = f'"{alert["version"]}"'
    answers = run_concurrently(
        [
            partial(acknowledge, alert["alert_id"], f"Number {n}", admin, If_Match=tag)
            for n, admin in enumerate(admins)
        ]
    )
    assert sorted(each.status for each in answers) == [200] + [409] * 5
    [winner] = [each for each in answers if each.status == 200]
    [row] = rows("SELECT note, version FROM alert")
    assert (row.note, row.version) == (winner.json["acknowledgement"]["note"], 2)
    assert len(rows("SELECT 1 FROM admin_audit WHERE action = 'acknowledge alert'")) == 1
