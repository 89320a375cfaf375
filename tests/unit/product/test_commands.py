"""Validation of products and of stock counts."""

from typing import Any

import pytest
from pydantic import ValidationError

from commerce.product import RegisterProduct, SetStock

GOOD = {"brand_id": "b", "name": "Anvil", "description": "It falls.", "price_amount": 12_000}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"price_amount": 0},
        {"price_amount": 1_000_000_000},
        {"name": "x" * 200},
        {"description": ""},
        {"description": "x" * 5000},
        {"brand_id": "x" * 64},
    ],
)
def test_a_product_is_accepted(changed: dict[str, Any]) -> None:
    body = {**GOOD, **changed}
    assert RegisterProduct.model_validate(body).model_dump(exclude_unset=True) == body


@pytest.mark.parametrize(
    "changed",
    [
        {"price_amount": -1},
        {"price_amount": 1_000_000_001},
        {"price_amount": 10**30},
        {"price_amount": "12000"},
        {"price_amount": 12_000.0},
        {"price_amount": True},
        {"price_amount": None},
        {"price_amount": {"amount": 1, "currency": "KRW"}},
        {"name": ""},
        {"name": "\n"},
        {"name": "x" * 201},
        {"name": 1},
        {"name": "\udfff"},
        {"description": "x" * 5001},
        {"description": None},
        {"brand_id": ""},
        {"brand_id": "x" * 65},
        {"brand_id": 1},
        {"brand_id": None},
        {"currency": "USD"},
        {"like_count": 100},
        {"stock_quantity": 5},
    ],
)
def test_a_bad_product_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RegisterProduct.model_validate({**GOOD, **changed})


@pytest.mark.parametrize("name", ["brand_id", "name", "price_amount"])
def test_a_product_needs_its_fields(name: str) -> None:
    with pytest.raises(ValidationError):
        RegisterProduct.model_validate({key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("name", ["name", "description"])
def test_text_that_cannot_be_stored_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        RegisterProduct.model_validate({**GOOD, name: "An\x00vil"})


@pytest.mark.parametrize("quantity", [0, 1, 1_000_000_000])
def test_the_limits_of_a_count_are_included(quantity: int) -> None:
    assert SetStock.model_validate({"quantity": quantity}).quantity == quantity


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"quantity": -1},
        {"quantity": 1_000_000_001},
        {"quantity": 1.0},
        {"quantity": "1"},
        {"quantity": False},
        {"quantity": None},
        {"quantity": [1]},
        {"quantity": 1, "version": 1},
    ],
)
def test_a_bad_count_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SetStock.model_validate(body)
