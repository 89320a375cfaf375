"""Limits of the points that a user may charge in a day, and may have."""

import pytest

from commerce.shared import clock
from tests.support.gateway import RunningGateway
from tests.support.payments import a_card, follow, settled
from tests.support.points import a_user, grant, post_charge
from tests.support.shop import a_buyer, balance_of, rows

pytestmark = pytest.mark.usefixtures("shop_environment")


def test_a_user_charges_as_much_as_a_day_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_CHARGED_PER_DAY", "1000")
    buyer = a_buyer()
    assert post_charge(buyer, 600).status == 201
    refused = post_charge(buyer, 401)
    assert (refused.status, refused.json["code"]) == (409, "DAILY_CHARGE_LIMIT")
    assert [refused.json[each] for each in ("limit", "already", "requested")] == [1000, 600, 401]
    assert 0 < int(refused.headers["retry-after"]) <= 24 * 60 * 60
    assert post_charge(buyer, 400).status == 201
    assert balance_of(buyer.user_id) == 1_000
    rows("UPDATE point_charge SET requested_at = requested_at - interval '1 day'"
         " WHERE user_id = $1", buyer.user_id)  # fmt: skip
    assert post_charge(buyer, 1_000).status == 201


def test_the_day_is_the_business_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_CHARGED_PER_DAY", "1000")
    buyer = a_buyer()
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):  # a day and an hour apart
        monkeypatch.setenv("BUSINESS_TIME_ZONE", zone)
        assert post_charge(buyer, 500).status == 201
    today = rows("SELECT min(requested_at) AS at FROM point_charge WHERE user_id = $1",
                 buyer.user_id)[0].at  # fmt: skip
    assert today <= clock.now()
    assert post_charge(buyer, 1).json["code"] == "DAILY_CHARGE_LIMIT"


def test_a_balance_grows_by_charges_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_POINT_BALANCE", "1000")
    buyer = a_user(points=600)
    refused = post_charge(buyer, 401)
    assert (refused.status, refused.json["code"]) == (409, "BALANCE_LIMIT")
    assert [refused.json[each] for each in ("limit", "already", "requested")] == [1000, 600, 401]
    assert post_charge(buyer, 400).status == 201
    assert grant(buyer.user_id, 1).status == 201  # staff may exceed it
    assert balance_of(buyer.user_id) == 1_001


def test_charges_that_wait_for_their_card_count(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINT_CHARGING", "CARD")
    monkeypatch.setenv("MAX_POINT_BALANCE", "1000")
    gateway.behave("healthy", result="LIMIT_EXCEEDED")
    buyer = a_buyer()
    waiting = post_charge(buyer, 600, **a_card()).json["charge_id"]
    assert post_charge(buyer, 401, **a_card()).json["code"] == "BALANCE_LIMIT"
    settled(waiting, "FAILED")
    follow(waiting)
    assert post_charge(buyer, 1_000, **a_card()).status == 201
