"""The terms of a sale at a moment: begins are inclusive, ends exclusive."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from commerce.product.errors import SaleEndsBeforeItBegins
from commerce.product.sale_terms import Availability, SaleTerms

A, B, C, D = (datetime(2026, 1, 31, 9, minute, tzinfo=UTC) for minute in (0, 10, 20, 30))
MOMENT = timedelta(microseconds=1)
TERMS = SaleTerms(visible_from=A, sale_from=B, sale_until=C)


def said(terms: SaleTerms, at: datetime) -> str:
    return terms.availability(at, is_sold_out=False).value


@pytest.mark.parametrize(
    ("at", "availability"),
    [
        (A - MOMENT, "HIDDEN"),
        (A, "UPCOMING"),
        (B - MOMENT, "UPCOMING"),
        (B, "ON_SALE"),
        (C - MOMENT, "ON_SALE"),
        (C, "ENDED"),
        (D, "ENDED"),
    ],
)
def test_each_moment_begins_inclusively_and_ends_exclusively(
    at: datetime, availability: str
) -> None:
    assert said(TERMS, at) == availability


def test_a_product_without_terms_is_on_sale_at_any_moment() -> None:
    assert said(SaleTerms(), A) == "ON_SALE"
    assert not SaleTerms().has_sale_window


def test_sold_out_is_said_only_during_the_sale() -> None:
    said_of_none = [TERMS.availability(at, is_sold_out=True).value for at in (A, B, C)]
    assert said_of_none == ["UPCOMING", "SOLD_OUT", "ENDED"]


def test_drafts_and_archived_products_are_hidden_at_any_moment() -> None:
    for terms in (replace(TERMS, visible_from=None), replace(TERMS, archived_at=A)):
        assert terms.shown_from is None
        assert {said(terms, at) for at in (A, B, C, D)} == {Availability.HIDDEN}


def test_a_sale_must_begin_before_it_ends() -> None:
    for begin, end in pairwise((C, C, B)):
        with pytest.raises(SaleEndsBeforeItBegins) as refused:
            SaleTerms(sale_from=begin, sale_until=end)
        assert refused.value.errors[0]["field"] == "sale_until"


def test_what_a_drop_sells_alone_is_on_standby_within_its_window_only() -> None:
    said_in_a_drop = [
        TERMS.availability(at, is_sold_out=is_sold_out, is_in_drop=True).value
        for is_sold_out in (False, True)
        for at in (A, B, C)
    ]
    said = [TERMS.availability(at, is_sold_out=False).value for at in (A, B, C)]
    on_sale = {"ON_SALE": "STANDBY"}
    assert said_in_a_drop == [on_sale.get(each, each) for each in said] * 2
