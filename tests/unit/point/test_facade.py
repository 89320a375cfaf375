"""Charging points, spending them on orders, and getting them back."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from commerce.point import ChargePoints, InsufficientPoints, PointFacade
from commerce.runtime.db.connection import ConstraintViolated
from commerce.shared.money import Money
from tests.support.memory.point import MemoryPointRepository


@pytest.fixture
def repository() -> MemoryPointRepository:
    return MemoryPointRepository()


@pytest.fixture
def points(repository: MemoryPointRepository) -> PointFacade:
    return PointFacade(repository)


@pytest.fixture
def user_id() -> UUID:
    return uuid4()


def seen(points: PointFacade, user_id: UUID) -> tuple[int, list[tuple[int, str]]]:
    view = points.balance(user_id)
    assert view.balance.currency == view.currency == "KRW"
    return view.balance.amount, [(each.amount.amount, each.reason) for each in view.entries]


def test_a_user_without_charges_has_no_points(points: PointFacade, user_id: UUID) -> None:
    assert points.balance(user_id).model_dump(mode="json") == {
        "balance": {"amount": 0, "currency": "KRW"},
        "currency": "KRW",
        "entries": [],
    }


def test_charges_are_added_to_the_balance(
    points: PointFacade, user_id: UUID, repository: MemoryPointRepository
) -> None:
    charged = points.charge(ChargePoints(amount=10_000), user_id=user_id).model_dump()
    assert UUID(charged.pop("charge_id"))
    assert charged == {
        "status": "CREDITED",
        "amount": {"amount": 10_000, "currency": "KRW"},
        "balance": {"amount": 10_000, "currency": "KRW"},
    }
    assert points.charge(ChargePoints(amount=1), user_id=user_id).balance.amount == 10_001
    assert seen(points, user_id) == (10_001, [(1, "CHARGED"), (10_000, "CHARGED")])
    assert [event.aggregate_version for event in repository.events] == [1, 2]


def test_only_the_newest_entries_are_shown(points: PointFacade, user_id: UUID) -> None:
    for amount in range(1, 26):
        points.charge(ChargePoints(amount=amount), user_id=user_id)
    balance, entries = seen(points, user_id)
    assert balance == sum(range(1, 26))
    assert entries == [(amount, "CHARGED") for amount in range(25, 5, -1)]


def test_an_order_is_paid_and_refunded(points: PointFacade, user_id: UUID) -> None:
    order_id = uuid4()
    points.charge(ChargePoints(amount=10_000), user_id=user_id)
    points.spend(user_id, Money(10_000), order_id)
    assert seen(points, user_id) == (0, [(-10_000, "ORDER_PLACED"), (10_000, "CHARGED")])
    points.refund(user_id, Money(10_000), order_id, uuid4())
    balance, entries = seen(points, user_id)
    assert (balance, entries[0]) == (10_000, (10_000, "ORDER_CANCELLED"))
    points.refund(user_id, Money(1), order_id, uuid4(), "PAYMENT_FAILED")
    assert seen(points, user_id)[1][0] == (1, "PAYMENT_FAILED")


@pytest.mark.parametrize("charged", [0, 9_999])
def test_too_few_points_move_nothing(points: PointFacade, user_id: UUID, charged: int) -> None:
    if charged:
        points.charge(ChargePoints(amount=charged), user_id=user_id)
    before = seen(points, user_id)
    with pytest.raises(InsufficientPoints) as refused:
        points.spend(user_id, Money(10_000), uuid4())
    assert refused.value.errors == [{"required": 10_000, "available": charged}]
    assert seen(points, user_id) == before


def test_paying_nothing_leaves_no_ledger_entry(points: PointFacade, user_id: UUID) -> None:
    points.spend(user_id, Money.zero(), uuid4())
    points.refund(user_id, Money.zero(), uuid4(), uuid4())
    assert seen(points, user_id) == (0, [])


def test_points_never_spent_are_not_refunded(points: PointFacade, user_id: UUID) -> None:
    with pytest.raises(ConstraintViolated, match="point_account_open"):
        points.refund(user_id, Money(1), uuid4(), uuid4())


@pytest.mark.parametrize("amount", [1, 1_000_000_000])
def test_the_limits_of_a_charge_are_included(amount: int) -> None:
    assert ChargePoints.model_validate({"amount": amount}).amount == amount


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 1_000_000_001},
        {"amount": "10000"},
        {"amount": 10.0},
        {"amount": True},
        {"amount": None},
        {},
        {"amount": 1, "currency": "USD"},
    ],
)
def test_a_bad_charge_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChargePoints.model_validate(body)
