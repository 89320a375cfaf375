"""Money adds up, and never across currencies."""

import operator
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.shared.money import CurrencyMismatch, Money

amounts = st.integers(min_value=-(2**63), max_value=2**63)


@given(amounts, amounts, st.integers(0, 10**9))
def test_money_adds_and_compares_by_minor_units(one: int, other: int, quantity: int) -> None:
    assert Money(one) + Money(other) == Money(one + other)
    assert Money(one) - Money(other) == Money(one - other)
    assert Money(one) * quantity == Money(one * quantity)
    assert -Money(one) == Money(-one)
    assert (Money(one) < Money(other)) is (one < other)
    assert (Money(one) <= Money(other)) is (one <= other)
    assert (Money(one) > Money(other)) is (one > other)
    assert (Money(one) >= Money(other)) is (one >= other)


def test_money_is_won_unless_said_otherwise() -> None:
    assert Money.zero() == Money(0) == Money(0, "KRW")
    assert Money.zero("USD") == Money(0, "USD")
    assert Money(5, "USD") * 3 == Money(15, "USD")
    assert -Money(5, "USD") == Money(-5, "USD")


@pytest.mark.parametrize(
    "mix", [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge]
)
@pytest.mark.parametrize("amount", [0, 1])
def test_currencies_never_mix(mix: Callable[[Money, Money], object], amount: int) -> None:
    with pytest.raises(CurrencyMismatch, match=r"KRW|USD"):
        mix(Money(amount, "KRW"), Money(amount, "USD"))


def test_equal_amounts_of_different_currencies_are_unequal() -> None:
    assert Money(1, "KRW") != Money(1, "USD")
    assert len({Money(1, "KRW"), Money(1, "USD"), Money(1)}) == 2


def test_money_cannot_be_changed() -> None:
    money = Money(1)
    with pytest.raises(FrozenInstanceError):
        money.amount = 2  # type: ignore[misc]
