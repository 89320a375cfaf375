"""Use cases of points: charged by card, credited, failed, granted, and read."""

import os
from collections.abc import Callable
from dataclasses import replace
from unittest import mock

from tests.harness.crash.cases import (
    CREATED,
    QUEUE,
    Case,
    Scenario,
    a_case,
    answered,
    consuming,
    with_newest_event,
)
from tests.harness.crash.simulators import transactions
from tests.support.other_connection import wait_until
from tests.support.payments import a_card, reconcile, statuses_of
from tests.support.points import a_user, charge_seen, entries_of, grant, post_charge
from tests.support.shop import rows

CHARGED = 700
_SUCCEEDED, _FAILED = "order/on_payment_succeeded", "order/on_payment_failed"


def _charge_by_card(case: Case) -> str:
    with mock.patch.dict(os.environ, POINT_CHARGING="CARD"):
        return answered(post_charge(case.buyer, CHARGED, case.key, **a_card()))


def _charged() -> Case:
    """A charge whose card the gateway has charged; we do not know yet."""
    case = a_case()
    with mock.patch.dict(os.environ, POINT_CHARGING="CARD"):
        answer = post_charge(case.buyer, CHARGED, case.key, **a_card())
    charge_id = answer.json["charge_id"]
    wait_until(lambda: [each["status"] for each in transactions(charge_id)] == ["SUCCESS"])
    return replace(case, order=charge_id)


def _a_paid_charge() -> Case:
    case = _charged()
    reconcile()
    return with_newest_event(case, "PaymentSucceeded")


def _a_failed_charge() -> Case:
    """A charge whose token the gateway does not take."""
    case = a_case()
    with mock.patch.dict(os.environ, POINT_CHARGING="CARD"):
        refused = post_charge(case.buyer, CHARGED, case.key, **a_card(payment_token="TK-none"))
    assert refused.status == 409, refused.json
    [charge] = rows("SELECT id FROM point_charge WHERE user_id = $1", case.buyer.user_id)
    return with_newest_event(replace(case, order=str(charge.id)), "PaymentFailed")


def _within(balance: int, act: Callable[[Case], str]) -> Callable[[Case], str]:
    """Act where a user may have so many points."""

    def limited(case: Case) -> str:
        with mock.patch.dict(os.environ, MAX_POINT_BALANCE=str(balance)):
            return act(case)

    return limited


def _status(case: Case) -> object:
    return charge_seen(case.buyer, case.order).json["status"], statuses_of(case.order)


def _with_a_user() -> Case:
    return replace(a_case(), buyer=a_user())


def _with_entries() -> Case:
    case = a_case(points=300)
    charge = post_charge(case.buyer, CHARGED)
    return replace(case, order=charge.json["charge_id"])


SCENARIOS = (
    Scenario(
        "charge_by_card", "point/charge_points", a_case, _charge_by_card, CREATED,
        takes_new_key_on_retry=True,
    ),
    Scenario(
        "credit_charge", _SUCCEEDED, _a_paid_charge, consuming(_SUCCEEDED), QUEUE, look=_status
    ),
    Scenario(
        "refund_charge", _SUCCEEDED, _a_paid_charge, _within(CHARGED - 1, consuming(_SUCCEEDED)),
        QUEUE, look=_status,
    ),
    Scenario("fail_charge", _FAILED, _a_failed_charge, consuming(_FAILED), QUEUE, look=_status),
    Scenario(
        "grant_points", "point/grant_points", _with_a_user,
        lambda case: answered(grant(case.buyer.user_id, 500, by=case.admin, key=case.key)),
        CREATED,
    ),
    Scenario(
        "get_charge", "point/get_charge", _with_entries,
        lambda case: answered(charge_seen(case.buyer, case.order), lambda seen: seen["status"]),
        frozenset({"200 CREDITED"}),
    ),
    Scenario(
        "list_point_entries", "point/list_point_entries", _with_entries,
        lambda case: answered(
            entries_of(case.buyer),
            lambda seen: [each["balance_after"]["amount"] for each in seen["items"]],
        ),
        frozenset({"200 [1000, 300]"}),
    ),
)  # fmt: skip
