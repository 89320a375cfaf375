"""The validation of order commands."""

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from commerce.order import PlaceOrder

LINE = {"product_id": "018f0000-0000-7000-8000-00000000000a", "quantity": 1}
GOOD = {"lines": [LINE], "payment_method": "POINT"}


def lines(count: int) -> list[dict[str, Any]]:
    return [{"product_id": str(uuid4()), "quantity": 1} for _ in range(count)]


@pytest.mark.parametrize("count", [1, 2, 50])
def test_one_to_fifty_products_can_be_ordered(count: int) -> None:
    body = {**GOOD, "lines": lines(count)}
    assert PlaceOrder.model_validate(body).model_dump(exclude_unset=True) == body


@pytest.mark.parametrize("quantity", [1, 99])
def test_the_limits_of_a_quantity_are_included(quantity: int) -> None:
    body = {**GOOD, "lines": [{**LINE, "quantity": quantity}]}
    assert PlaceOrder.model_validate(body).lines[0].quantity == quantity


@pytest.mark.parametrize(
    "changed",
    [
        {"lines": []},
        {"lines": lines(51)},
        {"lines": None},
        {"lines": {}},
        {"lines": LINE},
        {"lines": "018f0000-0000-7000-8000-00000000000a"},
        {"lines": [None]},
        {"lines": [[]]},
        {"lines": [{}]},
        {"lines": [{"product_id": "a"}]},
        {"lines": [{"quantity": 1}]},
        {"lines": [{**LINE, "price": 1}]},
        {"lines": [{**LINE, "unit_price": {"amount": 1, "currency": "KRW"}}]},
        {"payment_method": "CASH"},
        {"payment_method": "point"},
        {"payment_method": ""},
        {"payment_method": None},
        {"payment_method": ["POINT"]},
        {"total": 0},
        {"buyer_id": str(uuid4())},
        {"status": "CONFIRMED"},
        {"discount": {"amount": 1, "currency": "KRW"}},
    ],
)
def test_a_bad_order_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate({**GOOD, **changed})


@pytest.mark.parametrize("name", ["lines", "payment_method"])
def test_an_order_needs_its_fields(name: str) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize(
    "quantity",
    [0, -1, 1_000_000_001, 2**31, 2**63, 10**30, "1", 1.0, 1.5, True, None, [1], float("inf")],
)
def test_a_bad_quantity_is_refused(quantity: object) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate({**GOOD, "lines": [{**LINE, "quantity": quantity}]})


@pytest.mark.parametrize("product_id", ["", "x" * 65, 1, None, [], uuid4(), b"id", "\ud800"])
def test_a_bad_product_id_is_refused(product_id: object) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate({**GOOD, "lines": [{**LINE, "product_id": product_id}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("018f0000-0000-7000-8000-00000000000a", "018f0000-0000-7000-8000-00000000000a"),
        ("018f0000-0000-7000-8000-00000000000a", "018F0000-0000-7000-8000-00000000000A"),
        ("018F0000-0000-7000-8000-00000000000a", "018f0000-0000-7000-8000-00000000000A"),
    ],
)
@pytest.mark.parametrize("between", [0, 1, 48])
def test_a_repeated_product_is_refused_in_any_spelling(one: str, other: str, between: int) -> None:
    named = [{**LINE, "product_id": one}, *lines(between), {**LINE, "product_id": other}]
    with pytest.raises(ValidationError) as refused:
        PlaceOrder.model_validate({**GOOD, "lines": named})
    assert [error["type"] for error in refused.value.errors()] == ["product_repeated"]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(
                st.sampled_from(["lines", "payment_method", "product_id", "quantity"]), x
            )
        ),
    )
)
def test_no_invalid_body_is_accepted_as_an_order(body: Any) -> None:
    with pytest.raises(ValidationError):
        PlaceOrder.model_validate(body)
