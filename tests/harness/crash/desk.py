"""What operators see and do at the console."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from commerce.app.operations.sales import LAST_DAY, SALES
from commerce.runtime.cache.read_through import shared_cache
from tests.harness.crash.cases import OK, Case, Scenario, answered, ordered
from tests.harness.crash.operators import (
    discarded,
    sent_back,
    with_a_dead_letter,
    with_an_event_set_aside,
)
from tests.support import desk
from tests.support.lambda_calls import Answer
from tests.support.shop import rows


def _with_a_dead_letter() -> Case:
    case = with_a_dead_letter()
    return replace(case, words={**case.words, "settings": desk.settings_of(case.words["dead"])})


def _sold_and_not_yet_seen() -> Case:
    """Nobody has looked within the minute for which the page is kept."""
    case = ordered()
    shared_cache().forget(SALES, [LAST_DAY])
    return case


def _at_the_desk(
    ask: Callable[[Case], Answer], seen: Callable[[Any], object] | None = None
) -> Callable[[Case], str]:
    """An operator asks; the functions are led to the case's queues."""

    def act(case: Case) -> str:
        os.environ.update(case.words["settings"])
        return answered(ask(case), seen)

    return act


_redrive = _at_the_desk(lambda case: desk.redrive("all", case.admin))
_discard = _at_the_desk(lambda case: desk.discard("all", "a test", case.admin))


def _put_back(case: Case) -> str:
    return answered(desk.put_back(case.words["envelope"]["id"], case.admin))


def _kept(case: Case) -> object:
    """Who put it back is in the audit once."""
    sql = "SELECT action FROM admin_audit WHERE subject_id = $1"
    return [row.action for row in rows(sql, case.words["envelope"]["id"])]


SCENARIOS = (
    Scenario(
        "see_queues", "operations/list_queues", _with_a_dead_letter,
        _at_the_desk(lambda case: desk.list_queues(case.admin),
                     lambda body: body["queues"][0]["count"]),
        frozenset({"200 1"}),
    ),
    Scenario(
        "see_letters", "operations/list_dead_letters", _with_a_dead_letter,
        _at_the_desk(lambda _: desk.list_dead_letters(), lambda body: len(body["letters"])),
        frozenset({"200 1", "200 0"}),  # none are seen while somebody who was killed has them
    ),
    Scenario(
        "redrive_at_desk", "operations/redrive_dead_letters", _with_a_dead_letter, _redrive, OK,
        look=partial(sent_back, _redrive),
    ),
    Scenario(
        "discard_at_desk", "operations/discard_dead_letters", _with_a_dead_letter, _discard, OK,
        look=partial(discarded, _discard),
    ),
    Scenario(
        "put_back_at_desk", "operations/put_back_event", with_an_event_set_aside, _put_back,
        OK | {"404 EVENT_NOT_SET_ASIDE"}, look=_kept,
    ),
    Scenario(
        "see_overview", "operations/get_overview", ordered,
        lambda _: answered(desk.overview(), lambda body: body["orders"] != []),
        frozenset({"200 True"}),
    ),
    Scenario(
        "see_sales", "operations/get_sales", _sold_and_not_yet_seen,
        lambda _: answered(desk.sales()), OK,
    ),
    Scenario(
        "see_order", "operations/get_order_as_admin", ordered,
        lambda case: answered(desk.order_as_admin(case.order), lambda body: body["status"]),
        frozenset({"200 CONFIRMED"}),
    ),
)  # fmt: skip
