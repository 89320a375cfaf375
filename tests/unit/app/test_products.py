"""Products are registered, edited and shown with their brands."""

from typing import Any
from uuid import uuid4

import pytest

from commerce.app.products import (
    edit_product,
    get_product,
    get_products,
    list_products,
    register_product,
)
from commerce.app.shop import Shop
from commerce.brand import BrandFacade, BrandNotFound, RegisterBrand
from commerce.product import (
    EditProduct,
    ListProducts,
    ProductDetailView,
    ProductFacade,
    ProductNotFound,
    RegisterProduct,
    Sort,
)
from commerce.shared.errors import CommerceError
from commerce.shared.etag import StaleVersion
from tests.support.memory.brand import MemoryBrandRepository
from tests.support.memory.drop import no_drops
from tests.support.memory.product import MemoryProductRepository


class MemoryShop(Shop):
    """A brand and its products, in memory."""

    def __init__(self) -> None:
        self.brands = BrandFacade(MemoryBrandRepository())
        self.stored = MemoryProductRepository()
        self.products = ProductFacade(self.stored)
        self.drops = no_drops()
        self.brand_id = self.a_brand("Acme")

    def a_brand(self, name: str) -> str:
        return self.brands.register(RegisterBrand(name=name)).brand_id

    def a_product(self, name: str = "Anvil", brand_id: str = "") -> str:
        command = RegisterProduct(
            brand_id=brand_id or self.brand_id, name=name, description="Heavy", price_amount=0
        )
        return register_product(self, command).product_id


@pytest.fixture
def shop() -> MemoryShop:
    return MemoryShop()


def page_of(shop: Shop, product_id: str) -> ProductDetailView:
    _, page = get_product(shop, product_id)
    return page


UNKNOWN = "018f0000-0000-7000-8000-0000deadbeef"


def test_a_new_product_has_no_stock_no_likes_and_no_rank(shop: MemoryShop) -> None:
    command = RegisterProduct(
        brand_id=shop.brand_id.upper(), name="Anvil", description="Heavy", price_amount=0
    )
    shown = register_product(shop, command)
    assert shown.model_dump() == {
        "product_id": shown.product_id,
        "name": "Anvil",
        "description": "Heavy",
        "price": {"amount": 0, "currency": "KRW"},
        "brand": {"brand_id": shop.brand_id, "name": "Acme"},
        "like_count": 0,
        "version": 1,
        "availability": "SOLD_OUT",
        "stock_quantity": 0,
        "sale_from": None,
        "sale_until": None,
        "max_per_buyer": None,
        "rank": None,
    }
    id_ = shown.product_id
    assert page_of(shop, id_) == page_of(shop, id_.upper()) == shown


@pytest.mark.parametrize("brand_id", [UNKNOWN, "acme", "\x00"])
def test_a_product_needs_a_brand(shop: MemoryShop, brand_id: str) -> None:
    with pytest.raises(BrandNotFound):
        register_product(shop, RegisterProduct(brand_id=brand_id, name="Anvil", price_amount=1))
    assert shop.stored.page(Sort.LATEST, None, [], 10) == []
    assert shop.stored.changes == []


def test_an_edit_may_move_a_product_to_another_brand(shop: MemoryShop) -> None:
    id_, other = shop.a_product(), shop.a_brand("Other")
    edited = edit_product(shop, id_, EditProduct(brand_id=other.upper()), by="admin")
    assert edited.brand.model_dump() == {"brand_id": other, "name": "Other"}
    assert page_of(shop, id_) == edited
    [event] = shop.stored.events
    assert (type(event).__name__, edited.version) == ("ProductChanged", 2)


@pytest.mark.parametrize("change", [{}, {"name": "Anvil"}, {"description": "Heavy"}])
def test_an_edit_that_changes_nothing_makes_no_version(
    shop: MemoryShop, change: dict[str, Any]
) -> None:
    id_ = shop.a_product()
    for each in (change, {**change, "brand_id": shop.brand_id.upper()}):
        assert edit_product(shop, id_, EditProduct(**each), by="admin").version == 1
    assert (shop.stored.events, len(shop.stored.changes)) == ([], 1)


@pytest.mark.parametrize(
    ("is_known", "version", "error"),
    [(False, 9, ProductNotFound), (True, 9, StaleVersion), (True, 1, BrandNotFound)],
)
def test_an_edit_is_refused_for_product_then_version_then_brand(
    shop: MemoryShop, version: int, error: type[CommerceError], *, is_known: bool
) -> None:
    id_ = shop.a_product()
    command = EditProduct(brand_id=UNKNOWN, version=version)
    with pytest.raises(error):
        edit_product(shop, id_ if is_known else UNKNOWN, command, by="admin")
    assert (page_of(shop, id_).version, shop.stored.events) == (1, [])


def test_several_products_have_their_brands_and_unknown_ones_are_left_out(
    shop: MemoryShop,
) -> None:
    other = shop.a_brand("Other")
    mine, theirs = shop.a_product(), shop.a_product("Feather", other)
    found = get_products(shop, [mine, theirs.upper(), str(uuid4()), "anvil"])
    shown = {id_: (view.name, view.brand.name) for id_, view in found.items()}
    assert shown == {mine: ("Anvil", "Acme"), theirs: ("Feather", "Other")}


def test_a_list_names_each_products_brand(shop: MemoryShop) -> None:
    other = shop.a_brand("Other")
    shop.a_product()
    shop.a_product("Feather", other)
    first = list_products(shop, ListProducts(limit=1))
    assert [(each.name, each.brand.name) for each in first.items] == [("Feather", "Other")]
    second = list_products(shop, ListProducts(limit=1, cursor=first.next_cursor))
    assert [(each.name, each.brand.name) for each in second.items] == [("Anvil", "Acme")]
    assert second.next_cursor is None
