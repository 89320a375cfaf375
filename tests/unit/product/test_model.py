"""Stock only ever has what it has."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.product import OutOfStock
from commerce.product.model import Cause, MovementReason, Stock, decrease_all, wanted_by_product
from commerce.product.striping.model import StripedStock
from commerce.product.striping.repository import taking

A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def stocks(**quantities: int) -> dict[UUID, Stock]:
    ids = {"a": A, "b": B, "c": C}
    return {ids[name]: Stock(ids[name], quantity) for name, quantity in quantities.items()}


def left(all_: dict[UUID, Stock]) -> list[int]:
    return [stock.quantity for stock in all_.values()]


@pytest.mark.parametrize(("wanted", "rest"), [(1, 4), (4, 1), (5, 0)])
def test_available_units_can_be_sold(wanted: int, rest: int) -> None:
    stock = Stock(A, 5)
    assert stock.is_available(wanted)
    stock.decrease(wanted)
    assert stock == Stock(A, rest)


@pytest.mark.parametrize(("quantity", "wanted"), [(5, 6), (0, 1), (1, 10**9)])
def test_unavailable_units_cannot_be_sold(quantity: int, wanted: int) -> None:
    stock = Stock(A, quantity)
    assert not stock.is_available(wanted)
    with pytest.raises(OutOfStock) as refused:
        stock.decrease(wanted)
    assert stock.quantity == quantity
    assert refused.value.errors == [
        {"product_id": str(A), "requested": wanted, "available": quantity}
    ]


@pytest.mark.parametrize("quantity", [0, -1, -(10**9)])
def test_a_quantity_of_zero_or_less_is_refused(quantity: int) -> None:
    stock = Stock(A, 5)
    assert not stock.is_available(quantity)
    with pytest.raises(ValueError, match="at least 1"):
        stock.decrease(quantity)
    with pytest.raises(ValueError, match="at least 1"):
        stock.increase(quantity)
    assert stock.quantity == 5


def test_returned_units_can_be_sold_again() -> None:
    stock = Stock(A, 0)
    stock.increase(2)
    stock.decrease(2)
    assert stock.quantity == 0


@given(st.integers(0, 100), st.lists(st.integers(-60, 60), max_size=30))
def test_stock_is_never_negative_and_never_loses_a_unit(start: int, moves: list[int]) -> None:
    stock, expected = Stock(A, start), start
    for move in moves:
        try:
            if move < 0:
                stock.decrease(-move)
            else:
                stock.increase(move)
        except (OutOfStock, ValueError):
            assert move == 0 or -move > expected
        else:
            expected += move
        assert stock.quantity == expected >= 0


def test_a_sale_sells_all_lines_together() -> None:
    there = stocks(a=5, b=1)
    decrease_all(there, {A: 2, B: 1})
    assert left(there) == [3, 0]


def test_products_outside_the_sale_keep_their_stock() -> None:
    there = stocks(a=5, b=1)
    decrease_all(there, {})
    decrease_all(there, {A: 1})
    assert left(there) == [4, 1]


def test_every_line_that_fails_is_named_and_no_other() -> None:
    with pytest.raises(OutOfStock) as refused:
        decrease_all(stocks(a=1, b=5, c=0), {A: 2, B: 5, C: 1})
    assert refused.value.errors == [
        {"product_id": str(A), "requested": 2, "available": 1},
        {"product_id": str(C), "requested": 1, "available": 0},
    ]


def test_a_sale_sells_all_lines_or_none() -> None:
    there = stocks(a=5, b=0, c=5)
    with pytest.raises(OutOfStock):
        decrease_all(there, {A: 1, B: 1, C: 1})
    assert left(there) == [5, 0, 5]


@given(
    st.dictionaries(st.sampled_from([A, B, C]), st.integers(1, 9)),
    st.fixed_dictionaries({A: st.integers(0, 9), B: st.integers(0, 9), C: st.integers(0, 9)}),
)
def test_a_sale_is_refused_exactly_for_what_is_not_there(
    wanted: dict[UUID, int], quantities: dict[UUID, int]
) -> None:
    there = {id_: Stock(id_, quantity) for id_, quantity in quantities.items()}
    short = [id_ for id_, quantity in wanted.items() if quantity > quantities[id_]]
    if short:
        with pytest.raises(OutOfStock) as refused:
            decrease_all(there, wanted)
        assert [each.product_id for each in refused.value.shortages] == short
    else:
        decrease_all(there, wanted)
        for id_, quantity in quantities.items():
            assert there[id_].quantity == quantity - wanted.get(id_, 0)


def test_lines_of_one_product_add_up() -> None:
    assert wanted_by_product([(A, 1), (B, 2), (A, 3)]) == {A: 4, B: 2}
    assert wanted_by_product([]) == {}


@given(st.lists(st.tuples(st.sampled_from([A, B, uuid4()]), st.integers(1, 10**9)), max_size=50))
def test_no_unit_is_lost_in_adding_up(lines: list[tuple[UUID, int]]) -> None:
    wanted = wanted_by_product(lines)
    assert sum(wanted.values()) == sum(quantity for _, quantity in lines)
    assert set(wanted) == {id_ for id_, _ in lines}


def test_a_stripe_that_a_sale_would_empty_is_not_chosen() -> None:
    stock = StripedStock(A, 10, stripes=(1, 2, 3, 4))
    assert stock.stripes_with_more_than(2) == [2, 3]
    assert stock.stripes_with_more_than(4) == []


def test_stripes_of_several_products_are_taken_in_the_order_of_their_ids() -> None:
    stocks: dict[UUID, Stock] = {id_: StripedStock(id_, 10, stripes=(5, 5)) for id_ in (C, A, B)}
    taken = taking(
        stocks,
        dict.fromkeys(stocks, 1),
        Cause(reason=MovementReason.SOLD, by="system", order_id=uuid4()),
    )
    assert list(taken) == [A, B, C]
