"""The demo catalogue of `make up`: put there once through the API, with a drop to enter."""

from collections.abc import Iterator

import pytest

from commerce.runtime import tokens
from commerce.shared import clock
from commerce.shared.scopes import Scope
from infra.local.api import Api
from infra.local.catalogue import CATALOGUE, DROP_PRODUCT, seed_catalogue
from tests.support.drops import begin_entries, settle, shift
from tests.support.http_server import serve_api
from tests.support.shop import assert_books_hold, rows, stock_of

UNITS = next(each.stock_quantity for ps in CATALOGUE.values() for each in ps
             if each.name == DROP_PRODUCT)  # fmt: skip


@pytest.fixture
def admin(own_shop: str) -> Iterator[Api]:
    """The API as an admin's."""
    with serve_api() as url:
        yield Api(url, tokens.sign(clock.new_id(), frozenset({Scope.ADMIN})))


def test_the_catalogue_is_there_once_with_one_drop(admin: Api) -> None:
    products = sum(map(len, CATALOGUE.values()))
    assert [seed_catalogue(admin), seed_catalogue(admin)] == [products, 0]
    [drop] = admin.call("GET", "/drops")["items"]
    [lot] = drop["lots"]
    assert (drop["state"], lot["units"]) == ("SCHEDULED", UNITS)
    assert admin.call("GET", f"/products/{lot['product_id']}")["name"] == DROP_PRODUCT
    assert stock_of(lot["product_id"]) == 0


def test_what_a_drop_left_over_is_sold_by_another(admin: Api) -> None:
    seed_catalogue(admin)
    [row] = rows("SELECT drop_id, product_id FROM drop_lot")
    begin_entries(row.drop_id)
    past = "clock_timestamp() - interval '1 min'"
    shift(row.drop_id, entries_at=f"{past} - interval '1 h'", draws_at=past)
    shift(row.drop_id, offers_until="clock_timestamp()")
    settle(row.drop_id)
    assert stock_of(str(row.product_id)) == UNITS

    assert seed_catalogue(admin) == 0

    states = [drop["state"] for drop in admin.call("GET", "/drops")["items"]]
    assert states == ["SCHEDULED", "CLOSED"]
    assert stock_of(str(row.product_id)) == 0
    assert_books_hold(str(row.product_id))
