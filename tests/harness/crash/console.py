"""Scenarios of operators at the console."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from commerce.app.operations.sales import LAST_DAY, SALES
from commerce.runtime.cache.read_through import shared_cache
from commerce.shared import clock
from tests.harness.crash.cases import OK, Case, Scenario, answered, ordered
from tests.harness.crash.operators import (
    discarded,
    redriven,
    with_a_dead_letter,
    with_a_quarantined_event,
)
from tests.support import operations, quarantine
from tests.support.lambda_calls import Answer
from tests.support.shop import rows


def _with_a_dead_letter() -> Case:
    case = with_a_dead_letter()
    return replace(
        case, words={**case.words, "settings": operations.settings_of(case.words["dead"])}
    )


def _ordered_with_cold_cache() -> Case:
    """Sales are not in the cache, which keeps them for a minute."""
    case = ordered()
    shared_cache().invalidate(SALES, [LAST_DAY])
    return case


def _at_the_console(
    send: Callable[[Case], Answer], seen: Callable[[Any], object] | None = None
) -> Callable[[Case], str]:
    """Return the act of an operator, with the functions configured for the case's queues."""

    def act(case: Case) -> str:
        os.environ.update(case.words["settings"])
        return answered(send(case), seen)

    return act


_redrive = _at_the_console(lambda case: operations.redrive("all", case.admin))
_discard = _at_the_console(lambda case: operations.discard("all", "a test of it", case.admin))


def _requeue(case: Case) -> str:
    return answered(operations.requeue(case.words["envelope"]["id"], case.admin))


def _discard_event(case: Case) -> str:
    id_ = case.words["envelope"]["id"]
    return answered(operations.discard_event(id_, "a test of it", case.admin))


def _kept(case: Case) -> object:
    """Return where the event is, and what the audit has of its discard."""
    id_ = case.words["envelope"]["id"]
    acts = rows("SELECT action, reason FROM ops_audit WHERE message_id = $1", id_)
    return quarantine.place_of(id_), [tuple(row) for row in acts]


_find = _at_the_console(
    lambda case: operations.find(case.words["id"], case.admin),
    lambda body: [each["kind"] for each in body["found"]],
)


def _audited(case: Case) -> object:
    """Return what the audit has of the requeued event."""
    sql = "SELECT action FROM admin_audit WHERE subject_id = $1"
    return [row.action for row in rows(sql, case.words["envelope"]["id"])]


def _with_an_alert() -> Case:
    case = ordered()
    alert = operations.an_alert("RANKINGS_LOST", case.order)  # of this case alone
    return replace(case, words={**case.words, "alert": alert["alert_id"]})


def _alert_of(case: Case) -> object:
    """Return what the audit and the alert itself have of who acknowledged it."""
    acts = rows("SELECT action FROM admin_audit WHERE subject_id = $1", case.words["alert"])
    notes = rows("SELECT note FROM alert WHERE id = $1", case.words["alert"])
    return sorted({row.action for row in acts}), [row.note for row in notes]


SCENARIOS = (
    Scenario(
        "see_alerts", "operations/list_alerts", _with_an_alert,
        lambda case: answered(operations.alerts(by=case.admin), lambda body: body["items"] != []),
        frozenset({"200 True"}),
    ),
    Scenario(
        "acknowledge_alert", "operations/acknowledge_alert", _with_an_alert,
        lambda case: answered(
            operations.acknowledge(case.words["alert"], "I look at it", case.admin)
        ),
        OK, look=_alert_of,
    ),
    Scenario(
        "silence_alert", "operations/silence_alert", _with_an_alert,
        lambda case: answered(
            operations.silence(
                case.words["alert"], clock.rfc3339(clock.now() + timedelta(hours=1)), by=case.admin
            )
        ),
        OK, look=_alert_of,
    ),
    Scenario(
        "see_queues", "operations/list_queues", _with_a_dead_letter,
        _at_the_console(lambda case: operations.list_queues(case.admin),
                        lambda body: body["queues"][0]["count"]),
        frozenset({"200 1"}),
    ),
    Scenario(
        "see_dead_letters", "operations/list_dead_letters", _with_a_dead_letter,
        _at_the_console(lambda _: operations.list_dead_letters(),
                        lambda body: len(body["letters"])),
        frozenset({"200 1", "200 0"}),  # those of a killed function are invisible for a while
    ),
    Scenario(
        "redrive_at_console", "operations/redrive_dead_letters", _with_a_dead_letter, _redrive, OK,
        look=partial(redriven, _redrive),
    ),
    Scenario(
        "discard_at_console", "operations/discard_dead_letters", _with_a_dead_letter, _discard, OK,
        look=partial(discarded, _discard),
    ),
    Scenario(
        "requeue_at_console", "operations/requeue_event", with_a_quarantined_event, _requeue,
        OK | {"404 EVENT_NOT_SET_ASIDE"}, look=_audited,
    ),
    Scenario(
        "discard_event_at_console", "operations/discard_event", with_a_quarantined_event,
        _discard_event, OK | {"404 EVENT_NOT_SET_ASIDE"}, look=_kept,
    ),
    Scenario(
        "find_by_id", "operations/find_by_id", _with_a_dead_letter, _find,
        frozenset({"200 ['DEAD_LETTER']", "200 []"}),  # those of a killed function are invisible
    ),
    Scenario(
        "see_overview", "operations/get_overview", ordered,
        lambda _: answered(operations.overview(), lambda body: body["orders"] != []),
        frozenset({"200 True"}),
    ),
    Scenario(
        "see_sales", "operations/get_sales", _ordered_with_cold_cache,
        lambda _: answered(operations.sales()), OK,
    ),
    Scenario(
        "see_order", "operations/get_order_as_admin", ordered,
        lambda case: answered(operations.order_as_admin(case.order), lambda body: body["status"]),
        frozenset({"200 CONFIRMED"}),
    ),
)  # fmt: skip
