"""Coupons: the discount, the users and the time for which they are valid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.coupon import (
    CouponExpired,
    CouponIssued,
    CouponNotUsable,
    CouponNotYetValid,
    CouponReturned,
    CouponSoldOut,
    CouponUsed,
    IssuedStatus,
)
from commerce.coupon.model import Coupon, IssuedCoupon, Kind
from commerce.shared.money import Money

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
AMOUNT = st.integers(0, 10**12)


def a_coupon(**fields: Any) -> Coupon:
    return Coupon(
        **{
            "id": uuid4(),
            "name": "Autumn",
            "kind": Kind.FIXED,
            "value": 100,
            "max_discount": None,
            "min_order_amount": 0,
            "currency": "KRW",
            "total_quantity": 10,
            "issued_quantity": 0,
            "valid_from": NOW - timedelta(days=1),
            "valid_until": NOW + timedelta(days=1),
            "as_of": NOW,
            **fields,
        }
    )


def a_copy(**fields: Any) -> IssuedCoupon:
    return IssuedCoupon(id=uuid4(), coupon=a_coupon(**fields), user_id=uuid4(), version=1)


@pytest.mark.parametrize(
    ("value", "cap", "total", "discount"),
    [
        (10, None, 1_000, 100),
        (10, None, 1_004, 100),
        (10, None, 1_005, 101),  # half up
        (1, None, 50, 1),
        (1, None, 49, 0),
        (33, None, 100, 33),
        (100, None, 999, 999),
        (50, 300, 1_000, 300),
        (50, 300, 600, 300),
        (50, 300, 599, 300),
        (50, 300, 598, 299),
    ],
)
def test_a_rate_rounds_half_up_and_stops_at_its_cap(
    value: int, cap: int | None, total: int, discount: int
) -> None:
    coupon = a_coupon(kind=Kind.RATE, value=value, max_discount=cap)
    assert coupon.discount_on(Money(total)) == Money(discount)


def test_a_fixed_discount_stops_at_its_cap() -> None:
    coupon = a_coupon(kind=Kind.FIXED, value=500, max_discount=300)
    assert coupon.discount_on(Money(1_000)) == Money(300)


@given(st.integers(1, 100), AMOUNT, st.none() | st.integers(1, 10**9))
def test_a_rate_discount_is_within_half_a_unit(value: int, total: int, cap: int | None) -> None:
    exact = Fraction(total * value, 100)
    discount = a_coupon(kind=Kind.RATE, value=value).discount_on(Money(total)).amount
    assert -Fraction(1, 2) < discount - exact <= Fraction(1, 2)
    capped = a_coupon(kind=Kind.RATE, value=value, max_discount=cap).discount_on(Money(total))
    assert capped.amount == (discount if cap is None else min(discount, cap))


@given(st.sampled_from(Kind), st.integers(1, 100), AMOUNT, st.none() | st.integers(1, 10**9))
def test_no_discount_exceeds_the_total_or_is_negative(
    kind: Kind, value: int, total: int, cap: int | None
) -> None:
    discount = a_coupon(kind=kind, value=value, max_discount=cap).discount_on(Money(total))
    assert 0 <= discount.amount <= total
    assert cap is None or discount.amount <= cap
    if kind is Kind.FIXED:
        assert discount.amount == min(value, total, cap or value)


class TestIssue:
    def test_a_new_copy_records_its_event(self) -> None:
        coupon, id_, user_id = a_coupon(issued_quantity=9), uuid4(), uuid4()
        issued = coupon.issue(id_, user_id)
        assert (issued.status, issued.used_by_order) == (IssuedStatus.AVAILABLE, None)
        assert issued.events == [
            CouponIssued(
                aggregate_id=id_,
                aggregate_version=1,
                issued_coupon_id=id_,
                coupon_id=coupon.id,
                user_id=user_id,
            )
        ]

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"issued_quantity": 10}, CouponSoldOut),
            ({"issued_quantity": 11}, CouponSoldOut),
            ({"valid_until": NOW}, CouponExpired),
            ({"valid_until": NOW, "issued_quantity": 10}, CouponExpired),
            ({"valid_from": NOW + timedelta(microseconds=1)}, CouponNotYetValid),
        ],
    )
    def test_an_unavailable_coupon_is_refused(
        self, fields: dict[str, Any], refusal: type[Exception]
    ) -> None:
        with pytest.raises(refusal):
            a_coupon(**fields).issue(uuid4(), uuid4())

    def test_a_coupon_is_valid_from_its_start(self) -> None:
        assert a_coupon(valid_from=NOW).issue(uuid4(), uuid4())


class TestUse:
    def test_use_by_an_order_records_an_event(self) -> None:
        issued, order_id = a_copy(), uuid4()
        assert issued.use(order_id, Money(1_000)) == Money(100)
        assert (issued.status, issued.used_by_order) == (IssuedStatus.USED, order_id)
        assert issued.events == [
            CouponUsed(
                aggregate_id=issued.id,
                aggregate_version=2,
                issued_coupon_id=issued.id,
                coupon_id=issued.coupon.id,
                user_id=issued.user_id,
                order_id=order_id,
                discount=Money(100),
            )
        ]

    @pytest.mark.parametrize(
        ("fields", "total", "reason"),
        [
            ({"valid_until": NOW}, Money(1_000), "expired"),
            ({"valid_from": NOW + timedelta(seconds=1)}, Money(1_000), "not valid yet"),
            ({"min_order_amount": 1_001}, Money(1_000), "1001 or more"),
            ({}, Money(0), "nothing"),
            ({"kind": Kind.RATE, "value": 1}, Money(49), "nothing"),
            ({}, Money(1_000, "USD"), "KRW"),
        ],
    )
    def test_an_unusable_copy_is_refused_with_the_reason(
        self, fields: dict[str, Any], total: Money, reason: str
    ) -> None:
        issued = a_copy(**fields)
        before = replace(issued)
        with pytest.raises(CouponNotUsable, match=reason):
            issued.use(uuid4(), total)
        assert (issued, issued.events) == (before, [])

    def test_a_copy_is_used_once(self) -> None:
        issued = a_copy()
        issued.use(uuid4(), Money(1_000))
        with pytest.raises(CouponNotUsable, match="already"):
            issued.use(uuid4(), Money(1_000))

    def test_an_order_of_exactly_the_minimum_is_accepted(self) -> None:
        assert a_copy(min_order_amount=1_000).use(uuid4(), Money(1_000)) == Money(100)

    @given(st.lists(st.sampled_from(["use", "give back"]), max_size=12))
    def test_a_copy_belongs_to_at_most_one_order(self, steps: list[str]) -> None:
        issued, orders = a_copy(), [UUID(int=n) for n in range(1, 20)]
        holder: UUID | None = None
        for step, order_id in zip(steps, orders, strict=False):
            if step == "use" and holder is None:
                issued.use(order_id, Money(1_000))
                holder = order_id
            elif step == "use":
                with pytest.raises(CouponNotUsable):
                    issued.use(order_id, Money(1_000))
            elif holder is None:
                with pytest.raises(ValueError, match="is not used by"):
                    issued.restore(order_id)
            else:
                issued.restore(holder)
                holder = None
            assert issued.used_by_order == holder
        versions = [event.aggregate_version for event in issued.events]
        assert versions == list(range(2, 2 + len(versions)))
        kinds = [type(event) for event in issued.events]
        assert kinds == [(CouponUsed, CouponReturned)[n % 2] for n in range(len(kinds))]


def test_a_copy_returned_after_its_end_is_expired() -> None:
    issued, order_id = a_copy(), uuid4()
    issued.use(order_id, Money(1_000))
    issued.coupon = replace(issued.coupon, as_of=issued.coupon.valid_until)
    assert issued.status.value == "USED"
    issued.restore(order_id)
    assert issued.status.value == "EXPIRED"
