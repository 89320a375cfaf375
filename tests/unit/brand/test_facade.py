"""Brands are registered, found and listed."""

from uuid import UUID, uuid4

import pytest

from commerce.brand import BrandFacade, BrandNotFound, RegisterBrand
from commerce.shared.cursor import InvalidCursor
from tests.support.memory.brand import MemoryBrandRepository


@pytest.fixture
def brands() -> BrandFacade:
    return BrandFacade(MemoryBrandRepository())


def registered(brands: BrandFacade, *names: str) -> list[str]:
    return [brands.register(RegisterBrand(name=name)).brand_id for name in names]


def test_a_registered_brand_is_found(brands: BrandFacade) -> None:
    brand = brands.register(RegisterBrand(name="Acme", description="Everything"))
    assert brand.model_dump() == {
        "brand_id": brand.brand_id,
        "name": "Acme",
        "description": "Everything",
    }
    assert brands.get(brand.brand_id) == brands.get(brand.brand_id.upper()) == brand


@pytest.mark.parametrize(
    "brand_id", ["018f0000-0000-7000-8000-0000deadbeef", "1", "", "acme", "\x00", "\ud800"]
)
def test_an_unknown_brand_is_not_found(brands: BrandFacade, brand_id: str) -> None:
    registered(brands, "Acme")
    with pytest.raises(BrandNotFound):
        brands.get(brand_id)


def test_brands_may_share_a_name(brands: BrandFacade) -> None:
    assert len(set(registered(brands, "Acme", "Acme"))) == 2


def test_brands_are_listed_newest_first_page_by_page(brands: BrandFacade) -> None:
    ids = registered(brands, *"abcde")
    seen, cursor, pages = [], None, 0
    while True:
        page = brands.list(limit=2, after=cursor)
        seen += [brand.brand_id for brand in page.items]
        cursor, pages = page.next_cursor, pages + 1
        if cursor is None:
            break
    assert seen == ids[::-1]
    assert pages == 3


@pytest.mark.parametrize(("limit", "more"), [(4, True), (5, False), (6, False)])
def test_the_last_page_has_no_cursor(brands: BrandFacade, limit: int, *, more: bool) -> None:
    registered(brands, *"abcde")
    assert (brands.list(limit=limit, after=None).next_cursor is not None) is more


def test_no_brands_are_an_empty_page(brands: BrandFacade) -> None:
    assert brands.list(limit=20, after=None).model_dump() == {"items": [], "next_cursor": None}


def test_a_forged_cursor_is_refused(brands: BrandFacade) -> None:
    with pytest.raises(InvalidCursor):
        brands.list(limit=20, after="forged")


def test_several_brands_are_found_at_once(brands: BrandFacade) -> None:
    ids = [UUID(each) for each in registered(brands, "a", "b")]
    found = brands.get_all([*ids, uuid4()])
    assert {id_: view.name for id_, view in found.items()} == {ids[0]: "a", ids[1]: "b"}
    assert brands.get_all([]) == {}
