"""The only door to the brand context."""

from collections.abc import Collection
from uuid import UUID

from commerce.brand.commands import RegisterBrand
from commerce.brand.errors import BrandNotFound
from commerce.brand.model import Brand
from commerce.brand.repository import BrandRepository
from commerce.brand.views import BrandView
from commerce.shared import clock, cursor
from commerce.shared.shapes import Page

_LISTING = "brands"


class BrandFacade:
    """Brands are registered by an admin and read by anyone."""

    def __init__(self, brands: BrandRepository) -> None:
        self._brands = brands

    def register(self, command: RegisterBrand) -> BrandView:
        """Open a new brand."""
        brand = Brand(clock.new_id(), command.name, command.description)
        self._brands.add(brand)
        return _view(brand)

    def get(self, brand_id: str) -> BrandView:
        """One brand. Raises BrandNotFound."""
        found = cursor.parse_id(brand_id)
        brands = self._brands.find_all([found]) if found else {}
        for brand in brands.values():
            return _view(brand)
        raise BrandNotFound

    def get_all(self, ids: Collection[UUID]) -> dict[UUID, BrandView]:
        """Several brands in one statement; the unknown are left out."""
        return {id_: _view(brand) for id_, brand in self._brands.find_all(ids).items()}

    def list(self, *, limit: int, after: str | None) -> Page[BrandView]:
        """Brands, newest first."""
        before = cursor.decode(_LISTING, after, [UUID])[0] if after else UUID(int=2**128 - 1)
        found = self._brands.newest(UUID(str(before)), limit + 1)
        more = cursor.encode(_LISTING, [str(found[limit - 1].id)]) if len(found) > limit else None
        return Page(items=[_view(brand) for brand in found[:limit]], next_cursor=more)


def _view(brand: Brand) -> BrandView:
    return BrandView(brand_id=str(brand.id), name=brand.name, description=brand.description)
