"""A point account only ever spends what it has."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commerce.point import InsufficientPoints
from commerce.point.model import PointAccount
from commerce.shared.errors import Kind
from commerce.shared.money import CurrencyMismatch, Money

USER_ID = UUID("0190a000-0000-7000-8000-000000000001")


def account(balance: int, version: int = 1) -> PointAccount:
    return PointAccount(USER_ID, Money(balance), version)


def test_a_charge_is_added_and_recorded() -> None:
    charged = PointAccount.empty(USER_ID)
    charged.charge(Money(10_000))
    charged.charge(Money(500))
    assert (charged.balance, charged.version) == (Money(10_500), 2)
    events = [event.envelope() for event in charged.events]
    assert [each["aggregate_version"] for each in events] == [1, 2]
    assert (events[1]["source"], events[1]["type"]) == ("commerce.point", "PointsCharged")
    assert events[1]["aggregate_id"] == str(USER_ID)
    assert events[1]["data"] == {
        "user_id": str(USER_ID),
        "amount": {"amount": 500, "currency": "KRW"},
        "balance": {"amount": 10_500, "currency": "KRW"},
    }


def test_the_whole_balance_can_be_spent() -> None:
    spent = account(10_000)
    spent.spend(Money(10_000))
    assert (spent.balance, spent.version, spent.events) == (Money(0), 2, [])


def test_more_than_the_balance_is_not_spent() -> None:
    unchanged = account(9_999)
    with pytest.raises(InsufficientPoints) as refused:
        unchanged.spend(Money(10_000))
    assert unchanged == account(9_999)
    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "INSUFFICIENT_POINTS")
    assert refused.value.errors == [{"required": 10_000, "available": 9_999}]
    assert "10000 points are required, 9999 are available" in refused.value.detail


@pytest.mark.parametrize("amount", [0, -1])
@pytest.mark.parametrize("move", ["charge", "spend"])
def test_an_amount_of_zero_or_less_is_refused(move: str, amount: int) -> None:
    unchanged = account(100)
    with pytest.raises(ValueError, match="at least 1"):
        getattr(unchanged, move)(Money(amount))
    assert unchanged == account(100)


@pytest.mark.parametrize("move", ["charge", "spend"])
def test_currencies_do_not_mix(move: str) -> None:
    unchanged = account(100)
    with pytest.raises(CurrencyMismatch):
        getattr(unchanged, move)(Money(1, "USD"))
    assert unchanged == account(100)
    assert unchanged.events == []


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 100))))
def test_the_balance_is_charges_less_payments(moves: list[tuple[bool, int]]) -> None:
    lived = PointAccount.empty(USER_ID)
    expected = versions = 0
    for charges, amount in moves:
        if charges:
            lived.charge(Money(amount))
            expected, versions = expected + amount, versions + 1
        elif amount <= expected:
            lived.spend(Money(amount))
            expected, versions = expected - amount, versions + 1
        else:
            with pytest.raises(InsufficientPoints):
                lived.spend(Money(amount))
        assert (lived.balance, lived.version) == (Money(expected), versions)
